/** `plyfs run`: a command in a layered tree, by root and by an ordinary user. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { idOf, Overlay2Store } from '../../harness/docker-store.js';
import { PLYFS, waitFor } from '../../harness/mounts.js';
import { type Outcome, run, Sandbox } from '../cli/sandbox.js';
import {
  giveToUser,
  lendSubordinates,
  openFuseDevice,
  plyfsAsUser,
  runAsUser,
  userNamespacesUnavailable,
} from './ordinary-user.js';
import { makeRootDirectory } from './root-directory.js';

const unavailable = userNamespacesUnavailable();

describe.skipIf(unavailable !== null)(`plyfs run ${unavailable ?? ''}`, () => {
  let box: Sandbox;
  let closeDevice: () => void;
  beforeAll(() => {
    closeDevice = openFuseDevice();
  });
  afterAll(() => closeDevice());
  beforeEach(() => {
    box = new Sandbox();
    makeRootDirectory(box.at('base'), ['sh', 'id', 'ls', 'cat', 'rm', 'sleep', 'mkdir', 'chown', 'mount']);
    mkdirSync(box.at('tmp'));
    giveToUser(box.dir);
  });
  afterEach(() => {
    const left = [readdirSync(box.at('tmp')), processesOf(box.dir)];
    box.dispose();
    expect(left).toEqual([[], []]);
  });

  /** Pids of processes that have the sandbox's path in their command line. */
  function processesOf(dir: string): string[] {
    return readdirSync('/proc').filter((pid) => {
      if (!/^\d+$/.test(pid)) return false;
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(dir);
      } catch {
        return false; // It has just ended.
      }
    });
  }

  const kinds: [string, (args: readonly string[]) => Outcome][] = [
    ['root', (args) => run('env', [`TMPDIR=${box.at('tmp')}`, PLYFS, 'run', ...args], { cwd: box.dir })],
    ['an ordinary user', (args) => asUser(args)],
  ];

  function asUser(args: readonly string[]): Outcome {
    const { stderr, ...rest } = runAsUser(['env', `TMPDIR=${box.at('tmp')}`, PLYFS, 'run', ...args], box.dir);
    return { ...rest, stderr: stderr.replace(/^plyfs: only your own user is there.*\n/, '') };
  }

  describe.each(kinds)('by %s', (_, plyfs) => {
    it('shows the layers as the root directory of a root', () => {
      const script =
        'id -u; cat /from-top /from-base; ls /; echo $HOME $PATH; read line < /proc/self/status; echo "$line"';
      expect(plyfs(['--rootfs', 'top:base', '--ephemeral', '--', 'sh', '-c', script])).toEqual({
        status: 0,
        stdout: [
          '0\ntop\nbase',
          ...readdirSync(box.at('base')).concat('dev', 'from-top', 'proc').sort(),
          '/root /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nName:\tsh\n',
        ].join('\n'),
        stderr: '',
      });
    });

    it('has devices and a /proc of its own', () => {
      const script =
        'echo lost > /dev/null; [ -c /dev/zero ] && [ -c /dev/ptmx ] && [ -d /proc/1/fd ] && ls /proc | while read n; do case $n in [1-9]*) echo $n;; esac; done';
      const { status, stdout } = plyfs(['--rootfs', 'top:base', '--ephemeral', 'sh', '-c', script]);
      expect(status).toBe(0);
      expect(stdout.split('\n').length).toBeLessThan(12);
    });

    it('keeps what the command changes in the upper, and leaves the layers alone', () => {
      const script = 'echo new > /made; rm /from-base; echo more >> /from-top';
      expect(plyfs(['--rootfs', 'top:base', '--upper', 'changes', 'sh', '-c', script])).toMatchObject({
        status: 0,
        stderr: '',
      });
      expect(readFileSync(box.at('changes/made'), 'utf8')).toBe('new\n');
      expect(readFileSync(box.at('changes/from-top'), 'utf8')).toBe('top\nmore\n');
      expect(lstatSync(box.at('changes/from-base')).isCharacterDevice()).toBe(true);
      expect([box.read('top/from-top'), box.read('base/from-base')]).toEqual(['top\n', 'base\n']);
      expect(
        plyfs(['--rootfs', 'top:base', '--upper', 'changes', 'sh', '-c', 'cat /made /from-top; [ ! -e /from-base ]']),
      ).toMatchObject({
        status: 0,
        stdout: 'new\ntop\nmore\n',
      });
    });

    it("runs in Docker's own layers, and leaves them alone", () => {
      const store = new Overlay2Store(box.at('docker/overlay2'));
      makeRootDirectory(store.layer(idOf('1a')), ['sh', 'cat']);
      const top = store.layer(idOf('2b'), [idOf('1a')]);
      writeFileSync(join(top, 'motd'), 'of the top layer\n');
      giveToUser(box.dir);
      const script = 'cat /motd; echo changed > /motd';
      expect(plyfs(['--docker', 'docker', '2b', '--upper', 'changes', '--', 'sh', '-c', script])).toEqual({
        status: 0,
        stdout: 'of the top layer\n',
        stderr: '',
      });
      expect([box.read('changes/motd'), readFileSync(join(top, 'motd'), 'utf8')]).toEqual([
        'changed\n',
        'of the top layer\n',
      ]);
    });

    it('throws changes away when it is told to', () => {
      const before = readdirSync(box.dir).sort();
      expect(plyfs(['--rootfs', 'top:base', '--ephemeral', 'sh', '-c', 'rm -r /bin; echo new > /made']).status).toBe(0);
      expect(readdirSync(box.dir).sort()).toEqual(before);
      expect(existsSync(box.at('base/bin/sh'))).toBe(true);
    });

    it.each([
      ['exit 7', 7],
      ['kill -TERM $$', 143],
    ])('has the status of the command: %s', (script, status) => {
      expect(plyfs(['--rootfs', 'top:base', '--ephemeral', 'sh', '-c', script]).status).toBe(status);
    });

    it('says 127 for a command that is not there', () => {
      expect(plyfs(['--rootfs', 'top:base', '--ephemeral', 'nonsense']).status).toBe(127);
    });

    it('ends what the command has left running', () => {
      expect(plyfs(['--rootfs', 'top:base', '--ephemeral', 'sh', '-c', 'sleep 1000 & echo started']).stdout).toBe(
        'started\n',
      );
    });

    it('says 125 where the tree cannot be mounted, and why', () => {
      const before = readdirSync(box.dir).sort();
      const outcome = plyfs(['--rootfs', 'missing', '--upper', 'changes', 'true']);
      expect(outcome.status).toBe(125);
      expect(readdirSync(box.dir).sort()).toEqual(before);
      expect(outcome.stderr).toMatch(/^plyfs: lowerdir: missing: no such file or directory.*\n$/);
    });

    it.each(['/', '/nowhere'])('does not follow a link that the tree has in the place of /dev: to %s', (target) => {
      run('ln', ['-s', target, box.at('top/dev')]);
      const outcome = plyfs(['--rootfs', 'top:base', '--ephemeral', 'true']);
      expect(outcome).toMatchObject({
        status: 125,
        stderr: expect.stringContaining('/dev: not a directory in this tree'),
      });
    });
  });

  it.each([
    [['--ephemeral'], 'give --rootfs or --docker'],
    [['--rootfs', 'base'], 'give --upper DIR'],
    [['--rootfs', 'base', '--upper', 'u', '--ephemeral'], 'give --upper DIR'],
    [['--rootfs', 'base', '--ephemeral', '--work', 'w'], '--work belongs to --upper'],
    [['--docker', 'base', '--ephemeral'], 'needs the ID of a layer'],
  ])('refuses %j', (args, why) => {
    expect(box.plyfs('run', ...args)).toMatchObject({ status: 2, stderr: expect.stringContaining(why) });
  });

  it('a signal to it ends the command, and all is taken down', async () => {
    const child = spawn(PLYFS, ['run', '--rootfs', 'top:base', '--ephemeral', 'sh', '-c', 'echo ready; sleep 1000'], {
      cwd: box.dir,
      env: { ...process.env, TMPDIR: box.at('tmp') },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    child.kill('SIGTERM');
    const [status] = (await once(child, 'exit')) as [number | null];
    expect(status).toBe(143);
    await waitFor(() => processesOf(box.dir).length === 0, 'all to have ended');
  });

  it.each(['SIGUSR1', 'SIGUSR2'] as const)('passes %s on to the command', async (signal) => {
    const script = `trap 'echo got it; exit 3' ${signal.slice(3)}; echo ready; while :; do sleep 0.05; done`;
    const child = spawn(PLYFS, ['run', '--rootfs', 'top:base', '--ephemeral', 'sh', '-c', script], {
      cwd: box.dir,
      env: { ...process.env, TMPDIR: box.at('tmp') },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.on('data', (text: Buffer) => {
      said += text;
    });
    await waitFor(() => said === 'ready\n', 'the command');
    child.kill(signal);
    expect(await once(child, 'exit')).toEqual([3, null]);
    expect(said).toBe('ready\ngot it\n');
  });

  it('killed by SIGKILL, it takes the command with it', async () => {
    const child = spawn(PLYFS, ['run', '--rootfs', 'top:base', '--ephemeral', 'sh', '-c', 'echo ready; sleep 1000'], {
      cwd: box.dir,
      env: { ...process.env, TMPDIR: box.at('tmp') },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await waitFor(() => processesOf(box.dir).length === 0, 'all to have ended');
    for (const name of readdirSync(box.at('tmp'))) rmSync(box.at(`tmp/${name}`), { recursive: true });
  });

  it('an ordinary user with subordinate ids has other users', () => {
    const takeBack = lendSubordinates();
    try {
      const script = 'set -e; mkdir /of-five; chown 5:6 /of-five; ls -ldn /of-five';
      const outcome = plyfsAsUser(['run', '--rootfs', 'top:base', '--upper', 'changes', 'sh', '-c', script], box.dir);
      expect(outcome).toMatchObject({ status: 0, stderr: '' });
      expect(outcome.stdout).toMatch(/ 5 +6 /);
      const { uid, gid } = lstatSync(join(box.dir, 'changes/of-five'));
      expect([uid, gid]).toEqual([300_004, 300_005]);
    } finally {
      takeBack();
    }
  });

  it('an ordinary user without any has but his own, and is told', () => {
    chownSync(box.at('base/from-base'), 12_345, 12_345);
    const outcome = plyfsAsUser(['run', '--rootfs', 'top:base', '--ephemeral', 'ls', '-ln', '/from-base'], box.dir);
    expect(outcome.stderr).toMatch(/^plyfs: only your own user is there/);
    expect(outcome.stdout).toMatch(/ 65534 +65534 /);
  });
});
