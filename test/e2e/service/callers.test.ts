/** Mounts of the service: by each way to mount, and with the surroundings of each caller. */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mountFs } from '../../../src/sys/mount.js';
import { isStopped } from '../../../src/sys/process/process-facts.js';
import { CHECKOUT } from '../../harness/checkout.js';
import { mountsUnavailable, PLYFS } from '../../harness/mounts.js';
import { type Outcome, run } from '../harness/sandbox.js';
import { ServiceSandbox, until } from './service-under-test.js';
import { askStatus, untilNoMounts } from './unions.js';

const unavailable = mountsUnavailable();

describe.skipIf(unavailable !== null)(`the service${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  let box: ServiceSandbox;
  let required: string;
  beforeEach(async () => {
    box = new ServiceSandbox();
    required = `${box.options},service=required`;
    await box.start();
  });
  afterEach(async () => await box.close());

  /** Runs a program in the sandbox, which finds the service. */
  function runHere(program: string, ...args: readonly string[]): Outcome {
    return run(program, args, { cwd: box.dir, env: box.env });
  }

  async function expectServed(outcome: Outcome, stderr = ''): Promise<void> {
    expect(outcome).toEqual({ status: 0, stdout: '', stderr });
    expect(readdirSync(box.mountpoint).sort()).toEqual(['from-base', 'from-top']);
    expect((await askStatus(box)).mounts.map(({ mountpoint }) => mountpoint)).toEqual([box.mountpoint]);
    expect(box.daemon()).toBeUndefined();
  }

  function mountLines(): string[] {
    const lines = readFileSync('/proc/self/mounts', 'utf8').split('\n');
    return lines.filter((line) => line.split(' ')[1] === box.mountpoint);
  }

  describe('serves a mount that is made', () => {
    it('by plyfs mount', async () => {
      await expectServed(box.plyfs('mount', '-o', required, 'mnt'));
    });

    it('by the command line of fuse-overlayfs', async () => {
      await expectServed(box.plyfs('-o', required, 'mnt'));
    });

    it('by a link with the name of fuse-overlayfs', async () => {
      symlinkSync(PLYFS, box.at('fuse-overlayfs'));
      await expectServed(runHere(box.at('fuse-overlayfs'), '-o', required, 'mnt'));
    });

    it('by mount.plyfs, with the arguments of mount(8)', async () => {
      symlinkSync(PLYFS, box.at('mount.plyfs'));
      await expectServed(runHere(box.at('mount.plyfs'), 'none', box.mountpoint, '-n', '-o', `rw,${required}`));
    });

    it('by mount.fuse3', async () => {
      await expectServed(runHere('mount.fuse3', 'overlay', box.mountpoint, '-t', PLYFS, '-o', required));
    });

    it('on /dev/fd/N by the caller itself, as mount.fuse3 does it with drop_privileges', async () => {
      const fd = openSync('/dev/fuse', 'r+');
      try {
        mountFs('given', box.mountpoint, 'fuse', 0, `fd=${fd},rootmode=40000,user_id=0,group_id=0,allow_other`);
        const stdio = ['ignore', 'pipe', 'pipe', fd] as const;
        const done = run(PLYFS, ['-o', required, '/dev/fd/3'], { cwd: box.dir, env: box.env, stdio: [...stdio] });
        expect(done).toEqual({ status: 0, stdout: '', stderr: '' });
      } finally {
        closeSync(fd);
      }
      expect(readdirSync(box.mountpoint).sort()).toEqual(['from-base', 'from-top']);
      expect(await askStatus(box)).toMatchObject({ served: 1 });
      expect(box.daemon()).toBeUndefined();
    });

    it('by the library', async () => {
      const script = `
        import { readdirSync } from 'node:fs';
        import { mount } from '${CHECKOUT}dist/index.js';
        const layers = { lowers: ['top', 'base'], upper: 'up', work: 'work', mountpoint: 'mnt' };
        const mounted = await mount({ ...layers, service: 'required' });
        console.log(readdirSync('mnt').sort().join());
        await mounted.unmount();`;
      expect(runHere('node', '--input-type=module', '-e', script)).toEqual({
        status: 0,
        stdout: 'from-base,from-top\n',
        stderr: '',
      });
      expect(await askStatus(box)).toMatchObject({ served: 1, mounts: [] });
      expect(box.isMounted()).toBe(false);
    });
  });

  it('unmounts the mount of a library whose program has ended', async () => {
    const script = `
      import { mount } from '${CHECKOUT}dist/index.js';
      await mount({ lowers: ['top', 'base'], service: 'required', mountpoint: 'mnt' });
      process.kill(process.pid, 'SIGKILL');`;
    expect(runHere('node', '--input-type=module', '-e', script).status).toBeNull();
    await until(() => !box.isMounted());
    await untilNoMounts(box);
  });

  it('does not keep a program running that serves its mount itself, because the service is stopped', async () => {
    const script = `
      import { mount } from '${CHECKOUT}dist/index.js';
      await (await mount({ lowers: ['top', 'base'], mountpoint: 'mnt' })).unmount();`;
    const { server } = box.pids();
    process.kill(server, 'SIGSTOP');
    await until(() => isStopped(server));
    try {
      expect(runHere('node', '--input-type=module', '-e', script).status).toBe(0);
    } finally {
      process.kill(server, 'SIGCONT');
    }
    expect(await askStatus(box)).toMatchObject({ served: 0, mounts: [] });
  });

  it('makes a mount whose line in /proc/mounts is that of a mount with its own server', async () => {
    const options = `${box.options},fsname=name,nosuid,noatime`;
    expect(box.plyfs('mount', '-o', `${options},service=off`, 'mnt').status).toBe(0);
    const own = mountLines();
    expect(box.plyfs('umount', 'mnt').status).toBe(0);
    await expectServed(box.plyfs('mount', '-o', `${options},service=required`, 'mnt'));
    expect(own).toHaveLength(1);
    expect(mountLines()).toEqual(own);
  });

  it('prints warnings and ignored options in the words of a mount with its own server', async () => {
    const options = `${box.options},nonsense,redirect_dir=on,xattr_permissions=2`;
    const alone = box.plyfs('mount', '-o', `${options},service=off`, 'mnt');
    expect(box.plyfs('umount', 'mnt').status).toBe(0);
    await expectServed(box.plyfs('mount', '-o', `${options},service=required`, 'mnt'), alone.stderr);
    expect(alone.stderr).toContain('nonsense');
  });

  it.each([
    ['a missing layer', 'lowerdir=nope:base'],
    ['a layer given twice', 'lowerdir=top:base:top'],
    ['an upper without work', 'lowerdir=top,upperdir=up'],
    ['a value that is no number', 'lowerdir=top,timeout=soon'],
    ['a log in a missing directory', 'lowerdir=top,log=nope/file'],
  ])('refuses %s with the message and the status of a mount with its own server', async (_, options) => {
    const alone = box.plyfs('mount', '-o', `${options},service=off`, 'mnt');
    expect(alone).toMatchObject({ status: 1, stdout: '' });
    expect(box.plyfs('mount', '-o', `${options},service=required`, 'mnt')).toEqual(alone);
    expect(box.isMounted()).toBe(false);
    expect((await askStatus(box)).mounts).toEqual([]);
  });

  describe('gives a mount what its caller gives it:', () => {
    it('its working directory, for layers, mountpoint and log', async () => {
      mkdirSync(box.at('inner'));
      const options = 'lowerdir=../top:../base,upperdir=../up,workdir=../work,log=the.log,service=required';
      const done = run(PLYFS, ['mount', '-o', options, '../mnt'], { cwd: box.at('inner'), env: box.env });
      await expectServed(done);
      expect(statSync(box.at('inner/the.log')).mode & 0o777).toBe(0o600);
    });

    it('its umask, which changes nothing of a mount', async () => {
      await expectServed(runHere('sh', '-c', 'umask 0777; exec "$0" mount -o "$1" mnt', PLYFS, required));
      spawnSync('sh', ['-c', 'umask 022; mkdir mnt/directory; touch mnt/file'], { cwd: box.dir });
      expect(statSync(box.at('up/directory')).mode & 0o7777).toBe(0o755);
      expect(statSync(box.at('up/file')).mode & 0o7777).toBe(0o644);
    });

    it('its mount namespace', async () => {
      const script = '"$0" mount -o "$1" mnt && cat mnt/from-top && "$0" umount mnt';
      const done = runHere('unshare', '--mount', 'sh', '-c', script, PLYFS, required);
      expect(done).toEqual({ status: 0, stdout: 'top\n', stderr: '' });
      expect(box.isMounted()).toBe(false);
      expect(await askStatus(box)).toMatchObject({ served: 1, mounts: [] });
    });

    it('a mount namespace that ends before the mount is unmounted', async () => {
      const script = '"$0" mount -o "$1" mnt && cat mnt/from-top';
      const done = runHere('unshare', '--mount', 'sh', '-c', script, PLYFS, required);
      expect(done).toEqual({ status: 0, stdout: 'top\n', stderr: '' });
      await untilNoMounts(box);
    });

    it('its root directory', async () => {
      // The same files, at other paths: / is the sandbox, with the machine's programs.
      mkdirSync(box.at('root'));
      const script = `
        set -e
        mount --rbind / root
        mount -t tmpfs none root/mnt
        mkdir root/mnt/top root/mnt/merged
        echo chrooted > root/mnt/top/file
        chroot root "$0" mount -o lowerdir=/mnt/top,service=required /mnt/merged
        cat root/mnt/merged/file
        umount root/mnt/merged`;
      const done = runHere('unshare', '--mount', 'sh', '-c', script, PLYFS);
      expect(done).toEqual({ status: 0, stdout: 'chrooted\n', stderr: '' });
    });
  });

  describe('leaves a caller alone that has', () => {
    const limited: readonly (readonly [string, readonly [string, ...string[]]])[] = [
      ['other supplementary groups', ['setpriv', '--groups', '61001']],
      ['fewer capabilities', ['setpriv', '--bounding-set', '-mknod', '--inh-caps', '-mknod']],
      ['no_new_privs', ['setpriv', '--no-new-privs']],
      ['a limit for the size of files', ['prlimit', '--fsize=100000000']],
      ['a user namespace of its own', ['unshare', '--user', '--map-root-user', '--mount']],
      ['a PID namespace of its own', ['unshare', '--pid', '--fork', '--mount-proc']],
    ];

    it.each(limited)('%s: it serves the mount itself', async (_, [program, ...args]) => {
      const script = '"$0" mount -o "$1" mnt && cat mnt/from-top && "$0" umount mnt';
      const done = runHere(program, ...args, 'sh', '-c', script, PLYFS, box.options);
      expect(done).toMatchObject({ status: 0, stdout: 'top\n' });
      expect((await askStatus(box)).served).toBe(0);
    });

    it.each(limited)('%s: it is refused with service=required', async (_, [program, ...args]) => {
      const done = runHere(program, ...args, PLYFS, 'mount', '-o', required, 'mnt');
      expect(done.status).toBe(1);
      expect(done.stderr).toMatch(/^plyfs: service: required, but [^\n]+\n$/);
      expect(box.isMounted()).toBe(false);
    });
  });

  it('takes a caller with the limits and groups of its own', async () => {
    await expectServed(runHere('prlimit', '--nofile=100:200', PLYFS, 'mount', '-o', required, 'mnt'));
  });

  it('does not serve a mount with service=off, in the foreground, or with debug', async () => {
    expect(box.plyfs('mount', '-o', `${box.options},service=off`, 'mnt').status).toBe(0);
    expect(box.daemon()).toBeDefined();
    expect(box.plyfs('umount', 'mnt').status).toBe(0);
    expect((await askStatus(box)).served).toBe(0);
  });
});
