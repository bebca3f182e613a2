/**
 * Exactly one mount for each command that succeeds, and none for one that fails, whenever the caller or the
 * service is killed or stopped; and no command hangs.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mountsUnavailable, PLYFS } from '../../harness/mounts.js';
import { Random } from '../../harness/random.js';
import { type RunningService, ServiceSandbox, until } from './service-under-test.js';
import {
  askStatus,
  detachAll,
  type Ended,
  MountCommand,
  makeUnion,
  mountsOn,
  type Union,
  untilNoMounts,
} from './unions.js';

const unavailable = mountsUnavailable();
const cannotTrace = spawnSync('strace', ['-V']).status !== 0;
const CALLERS = 200;
const INTERRUPTED = 50;

describe.skipIf(unavailable !== null)(`the service${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  let box: ServiceSandbox;
  let service: RunningService;
  beforeEach(async () => {
    box = new ServiceSandbox();
    service = await box.start();
  });
  afterEach(async () => await box.close());

  it(`makes ${CALLERS} mounts for ${CALLERS} callers at once, one for each`, async () => {
    const unions = Array.from({ length: CALLERS }, (_, i) => makeUnion(box, `union${i}`, ['service=required']));
    const outcomes = await Promise.all(unions.map(({ args }) => new MountCommand(box, args).ended));
    try {
      expect(outcomes).toEqual(unions.map(() => ({ status: 0, signal: null, stderr: '' })));
      expect(unions.map(({ mountpoint }) => mountsOn(mountpoint))).toEqual(unions.map(() => 1));
      for (const [i, { mountpoint }] of unions.entries()) writeFileSync(join(mountpoint, `of-${i}`), '');
      expect(unions.map(({ upper }) => readdirSync(upper))).toEqual(unions.map((_, i) => [`of-${i}`]));
      const { mounts, served } = await askStatus(box);
      expect(mounts.map(({ mountpoint }) => mountpoint).sort()).toEqual(unions.map((union) => union.mountpoint).sort());
      expect(served).toBe(CALLERS);
    } finally {
      for (const { mountpoint } of unions) detachAll(mountpoint);
    }
    await untilNoMounts(box);
  });

  it('makes a mount for each of twenty commands that succeed, if all of them mount on one place', async () => {
    const { args, mountpoint } = makeUnion(box, 'union', ['service=required']);
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => new MountCommand(box, args).ended));
    const count = outcomes.filter(({ status }) => status === 0).length;
    expect(mountsOn(mountpoint)).toBe(count);
    expect(count).toBeGreaterThan(0);
    detachAll(mountpoint);
    await untilNoMounts(box);
  });

  it.skipIf(cannotTrace)('undoes the mount of a caller that is killed at any of its system calls', async () => {
    const union = makeUnion(box, 'union', ['service=required']);
    const heard = new Map<string, number>();
    for (const name of await callsOf(union)) {
      for (let call = 1, answer = ''; answer !== 'ended'; call++) {
        answer = await killAtCall(union, name, call);
        heard.set(answer, (heard.get(answer) ?? 0) + 1);
      }
    }
    expect([...heard.keys()].sort()).toEqual(['all', 'ended', 'nothing', 'take']);
    // The shell makes some hundred calls: before the question, between the answers, and after the last one.
    expect(heard.get('nothing')).toBeGreaterThan(50);
    expect(heard.get('take')).toBeGreaterThan(20);
  });

  /** The names of the system calls that the shell of a mount command makes. */
  async function callsOf({ args, mountpoint }: Union): Promise<Set<string>> {
    const trace = box.at('trace');
    expect(await new MountCommand(box, ['-o', trace, '/bin/sh', PLYFS, ...args], 'strace').ended).toMatchObject({
      status: 0,
    });
    detachAll(mountpoint);
    await untilNoMounts(box);
    const names = readFileSync(trace, 'latin1').matchAll(/^(\w+)\(/gm);
    return new Set([...names].map(([, name = '']) => name));
  }

  /**
   * Kills the shell of a mount command when it makes a system call for the nth time. Returns what it has
   * read.
   */
  async function killAtCall(
    { args, mountpoint }: Union,
    name: string,
    nth: number,
  ): Promise<'nothing' | 'take' | 'all' | 'ended'> {
    const trace = box.at('trace');
    // strace counts the calls of each name.
    const inject = ['-e', `inject=${name}:signal=KILL:when=${nth}`];
    const flags = ['-o', trace, '-s', '1', '-e', `trace=read,${name}`, ...inject, '/bin/sh', PLYFS, ...args];
    const { status, signal } = await new MountCommand(box, flags, 'strace').ended;
    // A shell reads a line character by character; its fd 0 is then the pipe.
    const characters = readFileSync(trace, 'latin1').matchAll(/^read\(0, "(\\?.)", 1\) += 1$/gm);
    const lines = [...characters].map(([, character = '']) => (character === '\\n' ? '\n' : character)).join('');
    rmSync(trace);
    const hasAll = lines.includes('end 0\n');
    if (hasAll) expect(mountsOn(mountpoint)).toBe(1);
    else {
      expect(signal ?? status).not.toBe(0);
      await untilNoMounts(box);
      expect(mountsOn(mountpoint)).toBe(0);
    }
    detachAll(mountpoint);
    await untilNoMounts(box);
    if (status === 0) return 'ended';
    if (hasAll) return 'all';
    return lines.includes('take\n') ? 'take' : 'nothing';
  }

  it(`leaves no mount of ${CALLERS} callers that are killed at random moments`, async () => {
    const random = new Random(1);
    const typical = await typicalDuration();
    let interrupted = 0;
    for (let i = 0; i < CALLERS; i++) {
      const { args, mountpoint } = makeUnion(box, 'union', ['service=required']);
      const command = new MountCommand(box, args);
      await pauseOf(random.int(1000) * typical * 0.0015);
      command.child.kill('SIGKILL');
      const { status, signal } = await command.ended;
      if (status === 0) expect(mountsOn(mountpoint)).toBe(1);
      else expect(signal).toBe('SIGKILL');
      // A caller that was killed after it had read its whole answer has a mount.
      if (status !== 0) interrupted++;
      detachAll(mountpoint);
      await untilNoMounts(box);
      expect(mountsOn(mountpoint)).toBe(0);
    }
    expect(interrupted).toBeGreaterThan(CALLERS / 10);
  });

  /** The median time of a mount, in milliseconds. */
  async function typicalDuration(): Promise<number> {
    const times: number[] = [];
    for (let i = 0; i < 5; i++) {
      const { args, mountpoint } = makeUnion(box, 'typical', ['service=required']);
      const begin = performance.now();
      expect((await new MountCommand(box, args).ended).status).toBe(0);
      times.push(performance.now() - begin);
      detachAll(mountpoint);
    }
    return times.sort((a, b) => a - b)[2] ?? 0;
  }

  interface Interruption {
    readonly name: string;
    /** Kills or stops processes of the service. */
    interrupt(supervisor: number, server: number): void;
    /** A process is left that detaches a mount whose caller has no answer. It is not stopped. */
    readonly cleansUp: 'before the repair' | 'after the repair' | 'never';
    /** Makes the service usable for the next mount, after the processes were interrupted. */
    repair(supervisor: number, server: number): Promise<void>;
  }

  const restart = async (): Promise<void> => {
    await service.ended();
    service = await box.start();
  };
  const interruptions: readonly Interruption[] = [
    {
      name: 'whose server process is killed',
      interrupt: (_, server) => process.kill(server, 'SIGKILL'),
      cleansUp: 'before the repair',
      // The supervisor starts it again only after a pause, which grows.
      repair: async () => {
        service.kill('SIGTERM');
        await restart();
      },
    },
    {
      name: 'whose supervisor is killed',
      interrupt: (supervisor) => process.kill(supervisor, 'SIGKILL'),
      cleansUp: 'before the repair',
      repair: restart,
    },
    {
      name: 'of which both processes are killed',
      interrupt: (...both) => {
        for (const pid of both) process.kill(pid, 'SIGKILL');
      },
      cleansUp: 'never',
      repair: restart,
    },
    {
      name: 'whose server process is stopped',
      interrupt: (_, server) => process.kill(server, 'SIGSTOP'),
      cleansUp: 'after the repair',
      repair: async (_, server) => void process.kill(server, 'SIGCONT'),
    },
    {
      name: 'of which both processes are stopped',
      interrupt: (...both) => {
        for (const pid of both) process.kill(pid, 'SIGSTOP');
      },
      cleansUp: 'after the repair',
      repair: async (...both) => {
        for (const pid of both) process.kill(pid, 'SIGCONT');
      },
    },
    {
      name: 'that gets SIGTERM',
      interrupt: (supervisor) => process.kill(supervisor, 'SIGTERM'),
      cleansUp: 'before the repair',
      repair: restart,
    },
  ];

  it.each(interruptions)(`makes at most one mount for each command, $name`, async (interruption) => {
    const random = new Random(2);
    const typical = await typicalDuration();
    const outcomes: Ended[] = [];
    for (let i = 0; i < INTERRUPTED; i++) {
      const union = makeUnion(box, `union${i}`);
      const { supervisor, server } = box.pids();
      const command = new MountCommand(box, union.args);
      await pauseOf(random.int(1000) * typical * 0.0015);
      interruption.interrupt(supervisor, server);
      const outcome = await command.ended;
      outcomes.push(outcome);
      if (interruption.cleansUp === 'before the repair') await expectConsistent(union, outcome, true);
      await interruption.repair(supervisor, server);
      await expectConsistent(union, outcome, interruption.cleansUp !== 'never');
      // The server process was stopped, and serves its mounts again.
      const stays = interruption.cleansUp === 'after the repair' && outcome.status === 0;
      if (stays) expect(readdirSync(union.mountpoint).sort()).toEqual(['from-base', 'from-top']);
      detachAll(union.mountpoint);
    }
    // The moments were early and late enough: some commands have their mount, and the messages of others are
    // a line each.
    expect(outcomes.some(({ status }) => status === 0)).toBe(true);
    for (const { status, stderr } of outcomes) if (status !== 0) expect(stderr).toMatch(/^plyfs: service: [^\n]+\n$/);
  });

  async function expectConsistent(
    { mountpoint }: Union,
    { status, signal }: Ended,
    isCleanedUp: boolean,
  ): Promise<void> {
    expect(signal).toBeNull();
    if (status !== 0 && isCleanedUp) await until(() => mountsOn(mountpoint) === 0);
    expect(mountsOn(mountpoint)).toBeLessThanOrEqual(1);
  }
});

async function pauseOf(milliseconds: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
}
