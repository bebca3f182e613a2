/** `plyfs serve` and callers in other namespaces. */
import { spawnSync } from 'node:child_process';
import { chownSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PLYFS } from '../../harness/mounts.js';
import { type Outcome, run } from '../harness/sandbox.js';
import { ServiceSandbox, until } from './service-under-test.js';
import { statusOf } from './unions.js';

const isRoot = process.getuid?.() === 0;

let box: ServiceSandbox;
beforeEach(() => {
  box = new ServiceSandbox();
});
afterEach(async () => await box.close());

/** Runs a script with the sandbox as working directory. `$1` is plyfs, `$2` the options of a mount. */
function script(text: string, prefix: readonly string[] = []): Outcome {
  const [program = 'sh', ...args] = [...prefix, 'sh', '-ec', text, 'sh', PLYFS, box.options];
  return run(program, args, { cwd: box.dir, env: box.env });
}

function mounts(): string[] {
  return statusOf(box).mounts.map(({ mountpoint }) => mountpoint);
}

describe.runIf(isRoot)('a caller in another mount namespace (needs root)', () => {
  const MOUNT = `
    "$1" mount -o "$2,service=required" mnt
    cat mnt/from-top mnt/from-base
    "$1" serve --status --json
  `;

  it('gets its mount there, and nowhere else', async () => {
    await box.start();
    const { status, stdout, stderr } = script(MOUNT, ['unshare', '--mount']);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout.startsWith('top\nbase\n')).toBe(true);
    expect(stdout).toContain(`"mountpoint":"${box.mountpoint}"`);
    expect(box.isMounted()).toBe(false);
    // The namespace has ended, and the mount with it.
    await until(() => mounts().length === 0);
  });

  it('can unmount it there', async () => {
    await box.start();
    const { status, stdout, stderr } = script(`${MOUNT}\n"$1" umount mnt; "$1" serve --status`, ['unshare', '--mount']);
    expect([status, stderr]).toEqual([0, '']);
    await until(() => mounts().length === 0);
    expect(stdout).toMatch(/: 0 mounts,/);
  });

  it('leaves no fds in the service', async () => {
    await box.start();
    const { server } = box.pids();
    const count = (): number => readdirSync(`/proc/${server}/fd`).length;
    script(MOUNT, ['unshare', '--mount']);
    await until(() => mounts().length === 0);
    const before = count();
    for (let i = 0; i < 3; i++) script(MOUNT, ['unshare', '--mount']);
    await until(() => mounts().length === 0 && count() <= before);
  });
});

describe.runIf(isRoot)('a caller in another user namespace (needs root)', () => {
  it('serves itself', async () => {
    await box.start();
    const { status, stdout, stderr } = script('"$1" mount -o "$2" mnt; cat mnt/from-top; "$1" umount mnt', [
      'unshare',
      '--user',
      '--map-root-user',
      '--mount',
    ]);
    expect([status, stdout, stderr]).toEqual([0, 'top\n', '']);
    expect(mounts()).toEqual([]);
  });

  it('is served by a service in its namespace', () => {
    const { status, stdout, stderr } = script(
      `
        "$1" serve --detach
        "$1" mount -o "$2,service=required" mnt
        cat mnt/from-base
        "$1" umount mnt
        "$1" serve --stop
        ls service/*
      `,
      ['unshare', '--user', '--map-root-user', '--mount'],
    );
    expect([status, stdout, stderr]).toEqual([0, 'base\nlock\n', '']);
  });
});

describe.runIf(isRoot)('an ordinary user (needs root, to become one)', () => {
  const ALICE = 61001;

  it('has a service below XDG_RUNTIME_DIR, which root does not use', () => {
    for (const name of ['', 'top', 'base', 'up', 'work', 'mnt']) chownSync(box.at(name), ALICE, ALICE);
    const { PLYFS_SERVICE_DIR: _, ...env } = box.env;
    const text = `
      "$1" serve --detach
      "$1" serve --status
      "$1" serve --stop
      ls "$XDG_RUNTIME_DIR/plyfs"
    `;
    const { status, stdout, stderr } = run(
      'setpriv',
      [`--reuid=${ALICE}`, `--regid=${ALICE}`, '--clear-groups', 'sh', '-ec', text, 'sh', PLYFS],
      { cwd: box.dir, env: { ...env, XDG_RUNTIME_DIR: box.dir } },
    );
    expect([status, stderr]).toEqual([0, '']);
    const inode = readdirSync(join(box.dir, 'plyfs'))[0];
    expect(stdout).toMatch(new RegExp(`^supervisor \\d+, server \\d+: 0 mounts, .*\\n${inode}\\n$`));
    expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(box.dir);
  });

  it('needs XDG_RUNTIME_DIR', () => {
    const { PLYFS_SERVICE_DIR: _, XDG_RUNTIME_DIR: _runtime, ...env } = box.env;
    const user = [`--reuid=${ALICE}`, `--regid=${ALICE}`, '--clear-groups'];
    const result = spawnSync('setpriv', [...user, PLYFS, 'serve'], { cwd: box.dir, env, encoding: 'utf8' });
    expect([result.status, result.stderr]).toEqual([
      1,
      'plyfs: serve: XDG_RUNTIME_DIR: not set; log in with a session of your own, or set it to a directory that only you can write to\n',
    ]);
  });
});
