/** The start of plyfs: from which files, in how many processes, and what its daemon inherits. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  cpSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openFilesOf } from '../../harness/machine/processes.js';
import { threadTraceOptions, threadTraces } from '../../harness/machine/strace.js';
import { mountsUnavailable, PLYFS, TRANSPORT, waitFor } from '../../harness/mounts.js';
import { makeScratch, removeScratch } from '../../harness/scratch.js';
import { type Outcome, run, Sandbox } from '../harness/sandbox.js';

const unavailable = mountsUnavailable();

describe('a mount that is refused', () => {
  it('ends without a crash, at whatever moment of the start of its threads', async () => {
    const refused = await Promise.all(
      Array.from({ length: 24 }, async () => {
        const child = spawn(PLYFS, ['-o', 'lowerdir=/nonexistent', '/nonexistent'], {
          stdio: ['ignore', 'ignore', 'pipe'],
        });
        let output = '';
        child.stderr.setEncoding('utf8').on('data', (text: string) => {
          output += text;
        });
        const [status] = (await once(child, 'close')) as [number | null];
        return [status, output.split('\n').length];
      }),
    );
    expect(refused).toEqual(refused.map(() => [1, 2]));
  });
});

describe('the file that bin/plyfs starts', () => {
  let home: string;
  beforeEach(() => {
    home = makeScratch('program');
    for (const directory of ['bin', 'src/cli', 'dist/cli', 'dist/program']) {
      mkdirSync(join(home, directory), { recursive: true });
    }
    cpSync(PLYFS, join(home, 'bin/plyfs'));
    write('package.json', '{}');
    write('src/cli/main.ts', '', 0);
    write('dist/cli/main.js', 'process.stdout.write("modules")', 10);
    write('dist/program/main.js', 'process.stdout.write("bundle")', 20);
  });
  afterEach(() => removeScratch(home));

  /** @param later the file's mtime, in seconds after the directories were made */
  function write(path: string, text: string, later = 0): void {
    writeFileSync(join(home, path), text);
    const mtime = Date.now() / 1000 + later;
    utimesSync(join(home, path), mtime, mtime);
  }
  const started = (): Outcome => run(join(home, 'bin/plyfs'), ['--version']);

  it('the bundle, of a package and of a checkout', () => {
    expect(started()).toEqual({ status: 0, stdout: 'bundle', stderr: '' });
    removeScratch(join(home, 'src'));
    expect(started().stdout).toBe('bundle');
  });

  it('the modules, if a source is newer than the bundle, or there is no bundle', () => {
    write('src/cli/main.ts', '', 30);
    expect(started().stdout).toBe('modules');
    removeScratch(join(home, 'dist/program'));
    expect(started().stdout).toBe('modules');
    removeScratch(join(home, 'dist/cli'));
    expect(started()).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^plyfs: not built: .*npm run build\n$/),
    });
  });

  it.each([
    ['there is a mount: its status', '0', { status: 0, signal: null }],
    ['there is none: the signal', '1', { status: null, signal: 'SIGINT' }],
  ])('a SIGINT to bin/plyfs alone while it waits, and %s', (_what, answer, expected) => {
    const program = `process.kill(Number(process.argv[2].split('=')[1]), 'SIGINT'); process.stdout.write('${answer}')`;
    write('dist/program/main.js', program, 20);
    const ended = spawnSync(join(home, 'bin/plyfs'), ['-o', 'lowerdir=/', 'mnt'], { cwd: home });
    expect(ended).toMatchObject(expected);
  });

  it('a server that ends without an answer: status 1, and a line', () => {
    write('dist/program/main.js', 'process.kill(process.pid, "SIGKILL")', 20);
    const outcome = run(join(home, 'bin/plyfs'), ['-o', 'lowerdir=/', 'mnt'], { cwd: home });
    expect(outcome).toEqual({
      status: 1,
      stdout: '',
      stderr: 'plyfs: daemon: ended before the mount was ready\n',
    });
  });
});

describe.skipIf(unavailable !== null)(`starting a mount ${unavailable ?? ''}`, () => {
  let box: Sandbox;
  beforeEach(() => {
    box = new Sandbox();
  });
  afterEach(() => box.dispose());

  function daemon(): number {
    const pid = box.daemon();
    if (pid === undefined) throw new Error('no daemon');
    return pid;
  }

  function sessionOf(pid: number): number {
    const [, session] = /^\d+ \(.*\) \S \d+ \d+ (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? [];
    return Number(session);
  }

  // With fuse-native, a process of its own serves (docs/transports.md).
  it.skipIf(TRANSPORT === 'fuse-native')('takes one process of Node, a few files, and no certificates', async () => {
    const trace = box.at('trace');
    const certificates = box.at('certificates');
    writeFileSync(certificates, '');
    const strace = [...threadTraceOptions(trace), '-qq', '-e', 'trace=execve,openat'];
    const tracer = spawn('strace', [...strace, PLYFS, '-o', box.options, box.mountpoint], {
      env: { ...process.env, NODE_EXTRA_CA_CERTS: certificates },
      stdio: 'ignore',
    });
    // strace runs until the daemon ends.
    const ended = once(tracer, 'exit');
    await waitFor(() => box.isMounted() || tracer.exitCode !== null, 'the mount');
    spawnSync('umount', [box.mountpoint]);
    expect(await ended).toEqual([0, null]);
    const done = threadTraces(trace).filter((line) => !/ = -1 E/.test(line));
    const executed = done.flatMap((line) => /execve\("([^"]+)"/.exec(line)?.[1] ?? []).map((path) => basename(path));
    expect(executed.filter((name) => name === 'node')).toHaveLength(1);
    expect(executed.length).toBeLessThanOrEqual(3); // The shell; find(1) in a checkout; Node.
    const opened = done.flatMap((line) => /openat\([^"]*"([^"]+)"/.exec(line)?.[1] ?? []);
    expect(opened).not.toContain(certificates);
    const code = opened.filter((path) => /\.[cm]?js$|package\.json$/.test(path));
    expect(code.filter((path) => path.includes('/dist/')).length).toBeGreaterThan(0);
    expect(code.length).toBeLessThanOrEqual(40);
  });

  it('does not inherit the open files of the caller', () => {
    const held = ['three', 'four', 'eleven'].map((name) => box.at(name));
    for (const path of held) writeFileSync(path, '');
    const fds = held.map((path) => openSync(path, 'r+'));
    const [three, four, eleven] = fds;
    const between = new Array<'ignore'>(6).fill('ignore');
    const options = ['-o', box.options, 'mnt'];
    const { status } = spawnSync(PLYFS, options, {
      cwd: box.dir,
      stdio: ['ignore', 'ignore', 'ignore', three, four, ...between, eleven],
    });
    for (const fd of fds) closeSync(fd);
    expect(status).toBe(0);
    expect([...openFilesOf(daemon()).values()].filter((path) => held.includes(path))).toEqual([]);
    expect(readdirSync(box.mountpoint)).toContain('from-top');
  });

  // The command line contains a word or a flag that could mean the foreground.
  it.each([
    ['-s', (options: string) => ['-s', '-o', `${options},nonsense`]],
    ['a path', (options: string) => ['-o', options.replace('/top:', '/debug:'), '-o', 'nonsense']],
  ])('in the background when the shell cannot recognise it: %s', (_, args) => {
    symlinkSync('top', box.at('debug'));
    expect(box.plyfs(...args(box.options), 'mnt')).toEqual({
      status: 0,
      stdout: '',
      stderr: 'plyfs: unknown option ignored: nonsense\n',
    });
    expect(readdirSync(box.mountpoint)).toContain('from-top');
    const pid = daemon();
    expect(sessionOf(pid)).toBe(pid);
    expect([0, 1, 2].map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))).toEqual([
      '/dev/null',
      '/dev/null',
      '/dev/null',
    ]);
    expect(box.plyfs('-s', '-o', `${box.options},log=/nowhere/at/all`, 'mnt')).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^plyfs: [^\n]+\n$/),
    });
  });
});
