/**
 * The caller's environment, limits and working directory. They do not control Node, and messages do not
 * depend on Node.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mountsUnavailable, PLYFS, TRANSPORT, waitFor } from '../../harness/mounts.js';
import { type Outcome, run, Sandbox } from '../harness/sandbox.js';
import { giveToUser, NAME, openFuseDevice, rootlessUnavailable } from '../rootless/ordinary-user.js';

const unavailable = mountsUnavailable();

describe.skipIf(unavailable !== null)(`surroundings ${unavailable ?? ''}`, () => {
  let box: Sandbox;
  beforeEach(() => {
    box = new Sandbox();
  });
  afterEach(() => box.dispose());

  it.each([
    { NODE_OPTIONS: '--require /nonexistent' },
    { NODE_OPTIONS: '--inspect=127.0.0.1:0' },
    { NODE_OPTIONS: '--no-such-option' },
    { NODE_DEBUG: 'fs,worker,module', NODE_DEBUG_NATIVE: 'worker', NODE_V8_COVERAGE: 'c', NODE_COMPILE_CACHE: 'c' },
    { NODE_CHANNEL_FD: '1', NODE_TLS_REJECT_UNAUTHORIZED: '0', OPENSSL_CONF: '/nonexistent', UV_THREADPOOL_SIZE: '0' },
    { NODE_ICU_DATA: '/nonexistent' },
  ])('%j has no effect', async (variables) => {
    const before = readdirSync(box.dir);
    const env = { ...process.env, ...variables };
    const started = (...args: readonly string[]): Outcome => run(PLYFS, args, { cwd: box.dir, env });
    expect(started('mount', '-o', box.options, 'mnt')).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(readdirSync(box.mountpoint).sort()).toEqual(['from-base', 'from-top']);
    expect(started('umount', 'mnt')).toEqual({ status: 0, stdout: '', stderr: '' });
    await waitFor(() => box.daemon() === undefined, 'the daemon to end');
    expect(readdirSync(box.dir)).toEqual(before);
  });

  /** Runs plyfs in a shell with a resource limit. */
  function limited(limit: string, args: readonly string[], as: readonly string[] = []): Outcome {
    const [program = '', ...rest] = [...as, 'bash', '-c', `ulimit -c 0 ${limit} && exec "$@"`, 'bash', PLYFS, ...args];
    return run(program, rest, { cwd: box.dir, timeout: 10_000 });
  }

  describe.each(['-v', '-d', '-s', '-n'])('ulimit %s', (letter) => {
    const refused = (least: number, status = 1): object => ({
      status,
      stdout: '',
      stderr: expect.stringMatching(
        new RegExp(`^plyfs: ulimit ${letter} \\d+: too little for Node.js, which needs ${least}; raise the limit\n$`),
      ),
    });
    /** The limits that a mount needs, and a command that serves no mount. */
    const [mount, other] = {
      '-v': [4_194_304, 1_000_000],
      '-d': [500_000, 100_000],
      '-s': [256, 256],
      '-n': [128, 48],
    }[letter] as [number, number];

    it('too small: one line', () => {
      expect(limited(`${letter} ${mount - 1}`, ['-o', box.options, 'mnt'])).toMatchObject(refused(mount));
      expect(limited(`${letter} ${other - 1}`, ['--version'])).toMatchObject(refused(other));
      const command = ['run', '--rootfs', '/', '--ephemeral', '--', 'true'];
      expect(limited(`${letter} ${mount - 1}`, command)).toMatchObject(refused(mount, 125));
      expect(box.isMounted()).toBe(false);
    });

    it('just large enough: copies up two large files at once', () => {
      expect(limited(`${letter} ${other}`, ['--version'])).toMatchObject({ status: 0, stderr: '' });
      for (const name of ['one', 'two']) writeFileSync(box.at(`base/${name}`), Buffer.alloc(8 << 20, name));
      expect(limited(`${letter} ${mount}`, ['-o', box.options, 'mnt'])).toMatchObject({ status: 0, stderr: '' });
      const append = `cd ${box.mountpoint} && { echo end >> one & echo end >> two; wait; tail -c4 one two; }`;
      expect(run('sh', ['-c', append])).toMatchObject({ status: 0, stderr: '' });
    });
  });

  const rootless = rootlessUnavailable();
  describe.skipIf(rootless !== null)(`ulimit -u ${rootless ?? ''}`, () => {
    const asUser = ['setpriv', `--reuid=${NAME}`, `--regid=${NAME}`, '--clear-groups'];
    let closeDevice: () => void;
    beforeEach(() => {
      closeDevice = openFuseDevice();
      giveToUser(box.dir);
    });
    afterEach(() => closeDevice());

    const tooManyThreads = {
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /^plyfs: ulimit -u \d+: this user has \d+ threads, and Node.js needs \d+ more; raise the limit\n$/,
      ),
    };

    it.each([4, 10, 20])('%i: one line at once', (limit) => {
      expect(limited(`-u ${limit}`, ['-o', box.options, 'mnt'], asUser)).toMatchObject(tooManyThreads);
    });

    it('one line if the user has as many processes as the limit, so that the shell cannot start one', async () => {
      const others = Array.from({ length: 4 }, () => spawn('setpriv', [...asUser.slice(1), 'sleep', '60']));
      const areStarted = (): boolean =>
        others.every(({ pid }) => readFileSync(`/proc/${pid}/cmdline`, 'latin1').startsWith('sleep'));
      try {
        await waitFor(areStarted, 'the processes of the user');
        expect(limited('-u 4', ['-o', box.options, 'mnt'], asUser)).toMatchObject(tooManyThreads);
        expect(limited('-u 4', ['umount', 'mnt'], asUser)).toMatchObject(tooManyThreads);
      } finally {
        for (const other of others) other.kill();
      }
    });

    it('works for root, which has no limit, and with a limit that is large enough', () => {
      expect(limited('-u 4', ['--version'])).toMatchObject({ status: 0, stderr: '' });
      // The user may run other processes too.
      expect(limited('-u 300', ['-o', box.options, 'mnt'], asUser)).toMatchObject({ status: 0, stderr: '' });
      expect(run('umount', [box.mountpoint]).status).toBe(0);
    });
  });

  describe('a working directory that has been removed', () => {
    /** Runs plyfs in a removed directory. The shell itself may print a line about it, which is left out. */
    function fromNowhere(...args: readonly string[]): Outcome {
      const script = 'mkdir "$1" && cd "$1" && rmdir "$1" && shift && exec "$@"';
      const { stderr, ...rest } = run('sh', ['-c', script, 'sh', box.at('gone'), PLYFS, ...args]);
      return { ...rest, stderr: stderr.replace(/^sh: 0: getcwd\(\) failed: .*\n/gm, '') };
    }

    it('absolute paths work', async () => {
      expect(fromNowhere('mount', '-o', box.options, box.mountpoint)).toEqual({ status: 0, stdout: '', stderr: '' });
      expect(readdirSync(box.mountpoint).sort()).toEqual(['from-base', 'from-top']);
      expect(fromNowhere('umount', box.mountpoint)).toEqual({ status: 0, stdout: '', stderr: '' });
      await waitFor(() => box.daemon() === undefined, 'the daemon to end');
      const [from, to] = ['up', 'converted'].map((name) => box.at(name)) as [string, string];
      expect(fromNowhere('convert', '--to', 'aufs', from, to)).toEqual({ status: 0, stdout: '', stderr: '' });
      expect(readdirSync(to)).toContain('.wh..wh.plnk');
    });

    it.each([
      ['mountpoint: mnt', ['mount', '-f', '-o', 'lowerdir=/', 'mnt']],
      ['lowerdir: a', ['-o', 'lowerdir=/:a', '/mnt']],
      ['mountpoint: mnt', ['umount', 'mnt']],
      ['SRC: a', ['convert', '--to', 'aufs', 'a', '/b']],
      ['--rootfs: a', ['run', '--rootfs', '/:a', '--ephemeral', 'true']],
    ])('a relative path is refused: %s', (what, args) => {
      const before = readdirSync('/');
      const line = `plyfs: ${what}: the working directory, where this path would start, has been removed (ENOENT); give an absolute path, or change to another directory\n`;
      expect(fromNowhere(...args)).toEqual({ status: args[0] === 'run' ? 125 : 1, stdout: '', stderr: line });
      expect(readdirSync('/')).toEqual(before);
    });
  });

  it.skipIf(TRANSPORT === 'fuse-native')('the command of plyfs run has the documented environment', () => {
    mkdirSync(box.at('tmp'));
    const env = { ...process.env, TMPDIR: box.at('tmp'), NODE_OPTIONS: '--require /nonexistent', TERM: 'vt100' };
    const { stdout, stderr } = run(PLYFS, ['run', '--rootfs', '/', '--ephemeral', '--', 'env'], { cwd: box.dir, env });
    expect([stdout.trim().split('\n').sort(), stderr]).toEqual([
      ['HOME=/root', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'TERM=vt100'],
      '',
    ]);
    expect(readdirSync(join(box.dir, 'tmp'))).toEqual([]);
  });
});
