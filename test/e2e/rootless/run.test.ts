/** `plyfs run`: a command in a layered tree, by root and by an ordinary user. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { idOf, Overlay2Store } from '../../harness/docker-store.js';
import { PLYFS, waitFor } from '../../harness/mounts.js';
import { type Outcome, run, Sandbox } from '../harness/sandbox.js';
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
    makeRootDirectory(box.at('base'), [
      'sh',
      'tty',
      'stty',
      'id',
      'ls',
      'cat',
      'rm',
      'sleep',
      'mkdir',
      'chown',
      'mount',
    ]);
    mkdirSync(box.at('tmp'));
    giveToUser(box.dir);
  });
  afterEach(() => {
    const left = [readdirSync(box.at('tmp')), processesOf(box.dir)];
    box.dispose();
    expect(left).toEqual([[], []]);
  });

  /** The pids of processes that have the sandbox's path in their command line. */
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
    return { ...rest, stderr: stderr.replace(/^plyfs: no subordinate ids.*\n/, '') };
  }

  describe.each(kinds)('by %s', (_, plyfs) => {
    it('shows the layers as the root directory, to a command that is root', () => {
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

    it.each(['a,b', 'a\\,b'])('takes a layer with a comma in its name, written as %s', (written) => {
      mkdirSync(box.at('a,b'));
      box.write('a,b/found', 'found\n');
      giveToUser(box.dir);
      expect(plyfs(['--rootfs', `${written}:base`, '--ephemeral', 'cat', '/found'])).toEqual({
        status: 0,
        stdout: 'found\n',
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

    it('writes changes to the upper, and does not change the layers', () => {
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

    it("runs in Docker's own layers, and does not change them", () => {
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

    it('discards changes with --ephemeral', () => {
      const before = readdirSync(box.dir).sort();
      expect(plyfs(['--rootfs', 'top:base', '--ephemeral', 'sh', '-c', 'rm -r /bin; echo new > /made']).status).toBe(0);
      expect(readdirSync(box.dir).sort()).toEqual(before);
      expect(existsSync(box.at('base/bin/sh'))).toBe(true);
    });

    it.each([
      ['exit 7', 7],
      ['kill -TERM $$', 143],
    ])('returns the status of the command: %s', (script, status) => {
      expect(plyfs(['--rootfs', 'top:base', '--ephemeral', 'sh', '-c', script]).status).toBe(status);
    });

    it('returns 127 for a command that does not exist', () => {
      expect(plyfs(['--rootfs', 'top:base', '--ephemeral', 'nonsense']).status).toBe(127);
    });

    it('ends processes that the command has left running', () => {
      expect(plyfs(['--rootfs', 'top:base', '--ephemeral', 'sh', '-c', 'sleep 1000 & echo started']).stdout).toBe(
        'started\n',
      );
    });

    it('returns 125 and the reason if the tree cannot be mounted', () => {
      const before = readdirSync(box.dir).sort();
      const outcome = plyfs(['--rootfs', 'missing', '--upper', 'changes', 'true']);
      expect(outcome.status).toBe(125);
      expect(readdirSync(box.dir).sort()).toEqual(before);
      expect(outcome.stderr).toMatch(/^plyfs: lowerdir: missing: no such file or directory.*\n$/);
    });

    it('refuses the archive of an image, with advice', () => {
      writeFileSync(box.at('image.tar'), '');
      expect(plyfs(['--rootfs', 'image.tar', '--ephemeral', 'true'])).toEqual({
        status: 125,
        stdout: '',
        stderr: 'plyfs: --rootfs: image.tar: not a directory (ENOTDIR); unpack the image first (tar -x)\n',
      });
    });

    it.each(['/', '/nowhere'])('does not follow a symlink /dev of the tree: to %s', (target) => {
      run('ln', ['-s', target, box.at('top/dev')]);
      const outcome = plyfs(['--rootfs', 'top:base', '--ephemeral', 'true']);
      expect(outcome).toMatchObject({
        status: 125,
        stderr: expect.stringContaining('/dev: not a directory in this tree'),
      });
    });
  });

  it.each([
    [['--ephemeral'], 'give either --rootfs or --docker'],
    [['--rootfs', 'base'], 'give --upper DIR'],
    [['--rootfs', 'base', '--upper', 'u', '--ephemeral'], '--upper and --ephemeral exclude each other'],
    [['--rootfs', 'base', '--ephemeral', '--work', 'w'], '--work needs --upper'],
    [['--docker', 'base', '--ephemeral'], 'needs the ID of a layer'],
  ])('refuses %j', (args, why) => {
    expect(box.plyfs('run', ...args)).toMatchObject({ status: 2, stderr: expect.stringContaining(why) });
  });

  it('ends the command and unmounts everything on a signal', async () => {
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
    let output = '';
    child.stdout.on('data', (text: Buffer) => {
      output += text;
    });
    await waitFor(() => output === 'ready\n', 'the command');
    child.kill(signal);
    expect(await once(child, 'exit')).toEqual([3, null]);
    expect(output).toBe('ready\ngot it\n');
  });

  it('ends the command if it is killed by SIGKILL', async () => {
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

  /** Starts plyfs run in the sandbox, with the sandbox's TMPDIR. */
  function start(args: readonly string[], program: readonly string[] = [PLYFS]): ChildProcessWithoutNullStreams {
    const [first = '', ...rest] = [...program, 'run', '--rootfs', 'top:base', '--ephemeral', ...args];
    return spawn(first, rest, { cwd: box.dir, env: { ...process.env, TMPDIR: box.at('tmp') } });
  }

  function outputOf(child: ChildProcessWithoutNullStreams): () => string {
    let output = '';
    child.stdout.on('data', (text: Buffer) => {
      output += text;
    });
    return () => output;
  }

  describe('on a terminal', () => {
    /**
     * Runs plyfs on a terminal. The next line is typed when `prompt` has been shown.
     */
    async function typed(
      command: string,
      lines: readonly (readonly [prompt: string, line: string])[],
    ): Promise<Outcome> {
      const script = `stty rows 33 columns 101; stty -a > before; "$0" run --rootfs top:base --ephemeral -- ${command}; status=$?; stty -a > after; exit $status`;
      const child = spawn('script', ['--quiet', '--return', '--command', script.replace('$0', PLYFS), '/dev/null'], {
        cwd: box.dir,
        env: { ...process.env, TMPDIR: box.at('tmp') },
      });
      const output = outputOf(child);
      const ended = once(child, 'exit');
      for (const [prompt, line] of lines) {
        await waitFor(() => output().includes(prompt) || child.exitCode !== null, prompt);
        child.stdin.write(line);
      }
      const [status] = (await ended) as [number | null];
      expect(box.read('after')).toBe(box.read('before'));
      return { status, stdout: output(), stderr: '' };
    }

    it('gives the command a terminal of its own, of the same size, with job control', async () => {
      const { status, stdout } = await typed('sh', [
        ['# ', 'tty; stty size; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo all$((3))\n'],
        ['all3', 'sh -c "echo runs$((1)); exec sleep 1000"\n'],
        ['runs1', '\x1a'],
        ['topped', 'kill %1; fg; echo ended$?\n'],
        ['ended', 'exit 7\n'],
      ]);
      expect(stdout).toMatch(/\/dev\/pts\/0\r\n33 101\r\n/);
      expect(stdout).not.toContain('job control');
      expect([status, stdout.match(/ended\d+/)?.[0]]).toEqual([7, 'ended143']);
    });

    it('sends ^C to the command', async () => {
      expect(
        await typed('cat', [
          ['', 'hello\n'],
          ['hello\r\nhello', '\x03'],
        ]),
      ).toMatchObject({ status: 130 });
    });
  });

  it.each(['SIGINT', 'SIGQUIT'] as const)(
    '%s is passed on to the command once, whether it is sent to plyfs run alone or to its group',
    async (signal) => {
      const script = `trap 'echo got' ${signal.slice(3)}; trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done`;
      // In a group of its own, so that a signal to the group does not signal this process.
      const child = start(['sh', '-c', script], ['setsid', PLYFS]);
      const output = outputOf(child);
      await waitFor(() => output() === 'ready\n', 'the command');
      child.kill(signal);
      await waitFor(() => output() === 'ready\ngot\n', 'the signal');
      // So late that plyfs does not take both for the same signal.
      await new Promise((resolve) => setTimeout(resolve, 300));
      process.kill(-(child.pid ?? 0), signal);
      await waitFor(() => output() === 'ready\ngot\ngot\n', 'the signal to the group');
      child.kill('SIGTERM');
      expect(await once(child, 'exit')).toEqual([3, null]);
      expect(output()).toBe('ready\ngot\ngot\n');
    },
  );

  it('removes the directory of a killed run, and not that of a running one', async () => {
    const killed = start(['sh', '-c', 'echo > /made; echo ready; sleep 1000']);
    await once(killed.stdout, 'data');
    killed.kill('SIGKILL');
    await waitFor(() => processesOf(box.dir).length === 0, 'all to have ended');
    const left = readdirSync(box.at('tmp'));
    expect(left).toHaveLength(1);
    const living = start(['sh', '-c', 'echo > /made; echo ready; read line; cat /made; echo still']);
    const output = outputOf(living);
    await waitFor(() => output() === 'ready\n', 'the command');
    const used = readdirSync(box.at('tmp'));
    expect(used).toHaveLength(1);
    expect(used).not.toEqual(left);
    const env = { ...process.env, TMPDIR: box.at('tmp') };
    expect(run(PLYFS, ['run', '--rootfs', 'top:base', '--ephemeral', 'true'], { cwd: box.dir, env }).status).toBe(127); // No such program there.
    expect(readdirSync(box.at('tmp'))).toEqual(used);
    living.stdin.end('\n');
    expect(await once(living, 'exit')).toEqual([0, null]);
    expect(output()).toBe('ready\n\nstill\n');
  });

  it.each([
    [
      'TMPDIR below /proc',
      { TMPDIR: '/proc' },
      ['--ephemeral'],
      'TMPDIR: /proc: no directory can be made there (ENOENT); ',
    ],
    ['TMPDIR', { TMPDIR: '/missing' }, ['--ephemeral'], 'TMPDIR: /missing: no such file or directory (ENOENT); '],
    ['--upper', {}, ['--upper', '/proc/x'], '--upper: /proc/x: no such file or directory (ENOENT)'],
    ['--work', {}, ['--upper', 'up', '--work', 'no/x'], '--work: no/x: no such file or directory (ENOENT)'],
  ])('a directory that cannot be made or used is refused in one line: %s', (_, env, args, line) => {
    const outcome = run(PLYFS, ['run', '--rootfs', 'base', ...args, 'true'], {
      cwd: box.dir,
      env: { ...process.env, TMPDIR: box.at('tmp'), ...env },
    });
    expect(outcome).toMatchObject({ status: 125, stdout: '' });
    expect(outcome.stderr.split('\n')).toEqual([expect.stringContaining(`plyfs: ${line}`), '']);
  });

  it('runs in the root directory of the machine, and warns an ordinary user about its owners', () => {
    const tree = ['run', '--rootfs', '/', '--ephemeral', '--', 'sh', '-c'];
    const outcome = runAsUser(
      ['env', `TMPDIR=${box.at('tmp')}`, PLYFS, ...tree, 'id -u; [ -d /etc ] && echo there'],
      '/',
    );
    expect(outcome).toMatchObject({ status: 0, stdout: '0\nthere\n' });
    expect(outcome.stderr).toMatch(
      /^plyfs: run: \d+ of the \d+ topmost objects of this tree belong to users outside of /m,
    );
  });

  it("plyfs umount of root's mount by an ordinary user is refused in one line", async () => {
    box.mount();
    for (const lazy of [[], ['--lazy']]) {
      expect(plyfsAsUser(['umount', ...lazy, box.mountpoint], box.dir)).toEqual({
        status: 1,
        stdout: '',
        stderr: `plyfs: umount: ${box.mountpoint}: mounted by root (EPERM); only root can unmount it\n`,
      });
    }
    expect(box.plyfs('umount', 'mnt').status).toBe(0);
    await waitFor(() => processesOf(box.dir).length === 0, 'the server to end');
  });

  it('warns about a workdir that another mount uses, and mounts', async () => {
    box.mount();
    mkdirSync(box.at('second'));
    const { status, stderr } = box.plyfs('mount', '-o', box.options, 'second');
    expect([status, stderr]).toEqual([
      0,
      `plyfs: mounted all the same: workdir ${box.at('work')} is in use by another mount too, and only one of the two may write to the upper at a time\n`,
    ]);
    for (const name of ['second', 'mnt']) expect(box.plyfs('umount', name)).toMatchObject({ status: 0, stderr: '' });
    await waitFor(() => processesOf(box.dir).length === 0, 'the servers to end');
  });

  it('maps other users for an ordinary user with subordinate ids', () => {
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

  it('maps only the own id of an ordinary user without subordinate ids, and warns', () => {
    chownSync(box.at('base/from-base'), 12_345, 12_345);
    const outcome = plyfsAsUser(['run', '--rootfs', 'top:base', '--ephemeral', 'ls', '-ln', '/from-base'], box.dir);
    expect(outcome.stderr).toMatch(/^plyfs: no subordinate ids/);
    expect(outcome.stdout).toMatch(/ 65534 +65534 /);
  });
});
