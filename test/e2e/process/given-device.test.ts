/**
 * `/dev/fd/N` as mountpoint: the caller has made the mount already, and plyfs only serves the descriptor N.
 */
import { type ChildProcess, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, closeSync, openSync, readdirSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mountFs } from '../../../src/sys/mount.js';
import { mountsUnavailable, PLYFS, TRANSPORT, waitFor } from '../../harness/mounts.js';
import { run, Sandbox } from '../harness/sandbox.js';

const unavailable = mountsUnavailable() ?? (TRANSPORT === 'fuse-native' ? 'libfuse 2 has no such form' : null);

describe.skipIf(unavailable !== null)(`/dev/fd/N as mountpoint ${unavailable ?? ''}`, () => {
  let box: Sandbox;
  const children: ChildProcess[] = [];
  beforeEach(() => {
    box = new Sandbox();
  });
  afterEach(() => {
    // Processes that use a mount without a server wait until its device is closed.
    for (const child of children.splice(0)) child.kill('SIGKILL');
    box.dispose();
  });

  /** Mounts, as Apptainer does for --fusemount, and starts `command` with the device as fd 3. */
  function withMounted<T>(start: (fd: number) => T, options = ',allow_other'): T {
    const fd = openSync('/dev/fuse', 'r+');
    try {
      const data = `fd=${fd},rootmode=40000,user_id=0,group_id=0${options}`;
      mountFs('given', box.mountpoint, 'fuse', 0, data);
      return start(fd);
    } finally {
      closeSync(fd);
    }
  }

  const startedWith = (args: readonly string[], options?: string): SpawnSyncReturns<string> =>
    withMounted(
      (fd) =>
        spawnSync(PLYFS, [...args, '/dev/fd/3'], {
          cwd: box.dir,
          stdio: ['ignore', 'pipe', 'pipe', fd],
          encoding: 'utf8',
          timeout: 30_000,
        }),
      options,
    );

  function foreground(program: string, args: readonly string[]): ChildProcess {
    const child = withMounted((fd) => spawn(program, args, { cwd: box.dir, stdio: ['ignore', 'ignore', 'pipe', fd] }));
    children.push(child);
    return child;
  }

  /** Makes changes of all kinds, and checks that the server ends with its mount. */
  async function expectServed(): Promise<void> {
    expect(readdirSync(box.mountpoint).sort()).toEqual(['from-base', 'from-top']);
    writeFileSync(box.at('mnt/from-base'), 'changed\n');
    expect([box.read('up/from-base'), box.read('base/from-base')]).toEqual(['changed\n', 'base\n']);
    expect(run('rm', [box.at('mnt/from-top')]).status).toBe(0);
    expect(run('mkdir', [box.at('mnt/from-top')]).status).toBe(0);
    expect(readdirSync(box.mountpoint).sort()).toEqual(['from-base', 'from-top']);
    expect(run('umount', [box.mountpoint]).status).toBe(0);
    await waitFor(() => box.daemon() === undefined, 'the daemon to end');
  }

  it.each([[['-o']], [['mount', '-o']], [['-s', '-o']]])('in the background: %j', async (words) => {
    expect(startedWith([...words, box.options])).toMatchObject({ status: 0, stdout: '', stderr: '' });
    await expectServed();
  });

  it('in the foreground, until SIGTERM, which also unmounts', async () => {
    const child = foreground(PLYFS, ['-f', '-o', box.options, '/dev/fd/3']);
    expect(readdirSync(box.mountpoint).sort()).toEqual(['from-base', 'from-top']);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(box.isMounted()).toBe(false);
  });

  it.each(['-f', '-s'])('with the mount in another namespace: %s', async (flag) => {
    const enter = 'umount -ilc "$1" && exec "$2" "$3" -o "$4" /dev/fd/3';
    const args = ['--mount', '--propagation=private', 'sh', '-c', enter, 'sh'];
    foreground('unshare', [...args, box.mountpoint, PLYFS, flag, box.options]);
    await expectServed();
  });

  it.each([
    ['in the background', []],
    ['in the foreground', ['-f']],
  ])('mount.fuse3 -o drop_privileges, %s', async (_, flags) => {
    const options = `drop_privileges,allow_other,default_permissions,${box.options}`;
    const child = spawn('mount.fuse3', ['overlay', box.mountpoint, '-t', PLYFS, ...flags, '-o', options], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    children.push(child);
    if (flags.length === 0) expect(await once(child, 'exit')).toEqual([0, null]);
    else await waitFor(() => box.isMounted(), 'the mount');
    await expectServed();
  });

  it('permissions are checked with and without default_permissions', () => {
    chownSync(box.at('base/from-base'), 0, 0);
    chmodSync(box.at('base/from-base'), 0o600);
    expect(startedWith(['-o', box.options])).toMatchObject({ status: 0, stderr: '' });
    const stranger = ['--reuid=12345', '--regid=12345', '--clear-groups', 'cat', box.at('mnt/from-base')];
    expect(run('setpriv', stranger).stderr).toContain('Permission denied');
    expect(run('umount', [box.mountpoint]).status).toBe(0);
    // Without ACLs, the mount needs default_permissions.
    expect(startedWith(['-o', `${box.options},noacl`])).toMatchObject({
      status: 1,
      stderr:
        'plyfs: mountpoint: /dev/fd/3: mounted without default_permissions (EINVAL); mount it with that option, or omit noacl and noxattrs\n',
    });
    expect(run('umount', ['-l', box.mountpoint]).status).toBe(0);
    expect(startedWith(['-o', `${box.options},noacl`], ',allow_other,default_permissions').status).toBe(0);
    expect(run('setpriv', stranger).stderr).toContain('Permission denied');
  });

  it('a layer that the mount hides is refused, because opening it would wait for itself', () => {
    expect(startedWith(['-o', 'lowerdir=mnt:base'])).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^plyfs: mountpoint: \/dev\/fd\/3: hides the layer mnt \(ELOOP\); .*\n$/),
    });
  });

  it('transport=fuse-native is refused', () => {
    expect(startedWith(['-o', `${box.options},transport=fuse-native`])).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^plyfs: mountpoint: \/dev\/fd\/3: mounted already, which libfuse 2 .*\n$/),
    });
  });

  it('an fd that is not open is refused; an fd of a directory names that directory', () => {
    expect(box.plyfs('-o', box.options, '/dev/fd/99')).toMatchObject({
      status: 1,
      stderr: 'plyfs: mountpoint: /dev/fd/99: not an open file (EBADF)\n',
    });
    const script = 'exec 5<mnt; exec "$0" -o "$1" /dev/fd/5';
    expect(run('sh', ['-c', script, PLYFS, box.options], { cwd: box.dir })).toMatchObject({ status: 0, stderr: '' });
    expect(box.isMounted()).toBe(true);
  });

  it.each([
    ['9999999999999', 'not an open file (EBADF)'],
    ['0', 'not an open file of /dev/fuse (EINVAL)'],
    ['5', 'not mounted yet (EPERM); mount it first'],
  ])('/dev/fd/%s: %s', (fd, why) => {
    const script = 'exec 5<>/dev/fuse; exec "$@"';
    // No layer is given, because the mountpoint is checked first.
    for (const flags of [[], ['-f']]) {
      const args = ['-c', script, 'sh', PLYFS, ...flags, '-o', 'lowerdir=nope', `/dev/fd/${fd}`];
      expect(run('sh', args, { cwd: box.dir, stdio: ['ignore', 'pipe', 'pipe'] })).toEqual({
        status: 1,
        stdout: '',
        stderr: `plyfs: mountpoint: /dev/fd/${fd}: ${why}\n`,
      });
    }
  });
});
