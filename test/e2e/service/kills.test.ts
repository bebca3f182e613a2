/** The server process is killed or stopped, and callers are killed, at many moments of an exchange. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PLYFS } from '../../harness/mounts.js';
import { ServiceSandbox, until } from './service-under-test.js';
import { detachAll, mountsOn, statusOf } from './unions.js';

/** Moments after the start of a command, in milliseconds. A mount by a service takes some 10 of them. */
const MOMENTS = [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 25, 30, 40];

let box: ServiceSandbox;
beforeEach(async () => {
  box = new ServiceSandbox();
  await box.start();
});
afterEach(async () => await box.close());

function startMount(): ChildProcess {
  return spawn(PLYFS, ['mount', '-o', box.options, 'mnt'], {
    cwd: box.dir,
    env: box.env,
    stdio: ['ignore', 'ignore', 'pipe'],
    // In a process group of its own, so that its children can be killed with it.
    detached: true,
  });
}

function servedMounts(): number {
  return statusOf(box).mounts.length;
}

describe('a service whose server process is killed while a command mounts', () => {
  it.each(MOMENTS)('leaves one mount or none, as the status of the command shows (after %i ms)', async (moment) => {
    const { server } = box.pids();
    const command = startMount();
    const ended = once(command, 'exit');
    await pause(moment);
    process.kill(server, 'SIGKILL');
    const [status] = (await ended) as [number | null];
    await box.untilNewServer(server);
    expect({ status, mounts: mountsOn(box.mountpoint) }).toEqual(
      status === 0 ? { status: 0, mounts: 1 } : { status: 1, mounts: 0 },
    );
    detachAll(box.mountpoint);
    await until(() => box.daemon() === undefined);
    box.mount();
    expect(box.isMounted() && box.daemon() === undefined).toBe(true);
  });
});

describe('a service whose server process is stopped while a command mounts', () => {
  it.each(MOMENTS)('leaves one mount or none, as the status of the command shows (after %i ms)', async (moment) => {
    const { server } = box.pids();
    const command = startMount();
    const ended = once(command, 'exit');
    await pause(moment);
    process.kill(server, 'SIGSTOP');
    const [status] = (await ended) as [number | null];
    process.kill(server, 'SIGCONT');
    const isAlone = box.daemon() !== undefined;
    // The service finds out that the command has ended, and undoes its mount.
    await until(() => servedMounts() === (status === 0 && !isAlone ? 1 : 0));
    expect({ status, mounts: mountsOn(box.mountpoint) }).toEqual(
      status === 0 ? { status: 0, mounts: 1 } : { status: 1, mounts: 0 },
    );
  });
});

describe('a command that is killed while it mounts', () => {
  it.each(MOMENTS)('leaves one mount or none, and the service knows it (after %i ms)', async (moment) => {
    const command = startMount();
    const ended = once(command, 'exit');
    await pause(moment);
    if (command.exitCode === null && command.pid !== undefined) process.kill(-command.pid, 'SIGKILL');
    await ended;
    // The service undoes a mount of which the command has not read the end.
    await until(() => servedMounts() === mountsOn(box.mountpoint));
    expect(mountsOn(box.mountpoint)).toBeLessThanOrEqual(1);
    expect(box.daemon()).toBeUndefined();
    if (command.exitCode === 0) expect(mountsOn(box.mountpoint)).toBe(1);
  });
});
