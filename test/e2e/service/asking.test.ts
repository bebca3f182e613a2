/**
 * The shell's side of the exchange between bin/plyfs and the service. Node is replaced by a script: it
 * records that it was started, and answers with status 0.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PLYFS } from '../../harness/mounts.js';
import { makeScratch, removeScratch } from '../../harness/scratch.js';
import { FakeService } from './fake-service.js';

interface Result {
  readonly status: number | null;
  readonly stderr: string;
}

/** The shells that can be /bin/sh, and the command with which each runs a script. */
const SHELLS = [
  { name: 'dash', argv: ['dash'] },
  { name: 'bash as sh', argv: ['bash', '--posix'] },
  { name: 'BusyBox', argv: ['busybox', 'sh'] },
].filter(({ argv: [program = ''] }) => spawnSync(program, ['--help']).error === undefined);

const MOUNT = ['mount', '-o', 'lowerdir=/a:/b', '/mnt'];

describe.each(SHELLS)('bin/plyfs in $name', ({ argv }) => {
  let dir: string;
  let service: FakeService;
  let pipe = -1;

  beforeEach(async () => {
    dir = makeScratch('asking');
    mkdirSync(join(dir, 'service'));
    mkdirSync(join(dir, 'path'));
    writeFileSync(join(dir, 'path', 'node'), `#!/bin/sh\necho "$@" >>'${join(dir, 'node')}'\nprintf 0\n`);
    chmodSync(join(dir, 'path', 'node'), 0o755);
    service = await FakeService.start(join(dir, 'service'));
  });

  afterEach(async () => {
    if (pipe >= 0) closeSync(pipe);
    pipe = -1;
    await service.end();
    removeScratch(dir);
  });

  /** Starts bin/plyfs. Resolves when it has ended. */
  async function plyfs(args: readonly string[] = MOUNT, stdio: number[] = []): Promise<Result> {
    const [program = '', ...flags] = argv;
    const child = spawn(program, [...flags, PLYFS, ...args], {
      env: {
        ...process.env,
        PATH: `${join(dir, 'path')}:${process.env.PATH}`,
        PLYFS_SERVICE_DIR: join(dir, 'service'),
      },
      stdio: ['ignore', 'ignore', 'pipe', ...stdio],
    });
    let stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const [status] = (await once(child, 'close')) as [number | null];
    return { status, stderr };
  }

  function nodeWasStarted(): boolean {
    return existsSync(join(dir, 'node'));
  }

  /** Reads the first request and opens the pipe for the answers. */
  async function beAsked(): Promise<string> {
    const [verb, pid = '', count] = await service.request();
    expect([verb, count]).toEqual(['ask', `${MOUNT.length}`]);
    pipe = FakeService.answerPipe(pid);
    return pid;
  }

  it('ends with the status of the service, without Node', async () => {
    const result = plyfs();
    const pid = await beAsked();
    FakeService.answer(pipe, 'take');
    expect(await service.request()).toEqual(['go', pid]);
    FakeService.answer(pipe, 'say plyfs: a warning: with  two blanks \\ and a backslash', 'end 3');
    expect(await result).toEqual({
      status: 3,
      stderr: 'plyfs: a warning: with  two blanks \\ and a backslash\n',
    });
    expect(nodeWasStarted()).toBe(false);
  });

  it('starts Node if the service answers `alone`', async () => {
    const result = plyfs();
    await beAsked();
    FakeService.answer(pipe, 'alone');
    expect(await result).toEqual({ status: 0, stderr: '' });
    expect(nodeWasStarted()).toBe(true);
  });

  it('starts Node if the service is killed before it answers', async () => {
    const result = plyfs();
    await service.request();
    service.body.kill('SIGKILL');
    expect(await result).toEqual({ status: 0, stderr: '' });
    expect(nodeWasStarted()).toBe(true);
  });

  it('starts Node if the service is stopped before it answers', async () => {
    const result = plyfs();
    await service.request();
    await service.stop();
    expect(await result).toEqual({ status: 0, stderr: '' });
    expect(nodeWasStarted()).toBe(true);
  });

  it('fails, and starts no Node, if the service ends after it has taken the mount', async () => {
    const result = plyfs();
    await beAsked();
    FakeService.answer(pipe, 'take');
    await service.request();
    closeSync(pipe);
    pipe = -1;
    expect(await result).toEqual({
      status: 1,
      stderr: 'plyfs: service: ended or stopped before the mount was ready\n',
    });
    expect(nodeWasStarted()).toBe(false);
  });

  it('fails, and starts no Node, if the service is stopped after it has taken the mount', async () => {
    const result = plyfs();
    await beAsked();
    FakeService.answer(pipe, 'take');
    await service.request();
    await service.stop();
    expect((await result).status).toBe(1);
    expect(nodeWasStarted()).toBe(false);
  });

  it('waits for a service that is slow', async () => {
    const result = plyfs();
    const pid = await beAsked();
    // Longer than one wait of the shell.
    await new Promise((resolve) => setTimeout(resolve, 2500));
    FakeService.answer(pipe, 'take');
    expect(await service.request()).toEqual(['go', pid]);
    FakeService.answer(pipe, 'end 0');
    expect((await result).status).toBe(0);
    expect(nodeWasStarted()).toBe(false);
  });

  it.each([
    { why: 'is stopped', spoil: async () => await service.stop() },
    {
      why: 'has a directory that is a symlink',
      spoil: () => {
        renameSync(service.directory, join(dir, 'elsewhere'));
        symlinkSync(join(dir, 'elsewhere'), service.directory);
      },
    },
    {
      why: 'has a file in place of the FIFO',
      spoil: () => {
        renameSync(join(service.directory, 'request'), join(dir, 'fifo'));
        writeFileSync(join(service.directory, 'request'), '');
      },
    },
    {
      why: 'has left a pid of no process',
      spoil: () => writeFileSync(join(service.directory, 'pids'), '4194303 4194303\n'),
    },
    { why: 'has left an empty file of pids', spoil: () => writeFileSync(join(service.directory, 'pids'), '') },
  ])('does not ask a service that $why', async ({ spoil }) => {
    await spoil();
    expect(await plyfs()).toEqual({ status: 0, stderr: '' });
    expect(service.wasAsked).toBe(false);
    expect(nodeWasStarted()).toBe(true);
  });

  it.each([
    [['mount', '-f', '-o', 'lowerdir=/a', '/mnt']],
    [['mount', '-o', 'lowerdir=/a,debug', '/mnt']],
    [['mount', '-odebug,lowerdir=/a', '/mnt']],
    [['mount', '-o', 'lowerdir=/a,service=off', '/mnt']],
    [['mount', '-o', 'remount,ro', '/mnt']],
    [['umount', '/mnt']],
    [['--version']],
    [[]],
  ])('does not ask for %j', async (args) => {
    await plyfs(args);
    expect(service.wasAsked).toBe(false);
    expect(nodeWasStarted()).toBe(true);
  });

  it.each([
    [['mount', '--docker', '/var/lib/docker', '--upper', '/u', '--work=/w', 'abc', '/mnt']],
    [['-o', 'lowerdir=/debug:/a,upperdir=/umount', '/convert,debugger']],
  ])('asks for %j', async (args) => {
    const result = plyfs(args);
    const [verb, pid = '', count] = await service.request();
    expect([verb, count]).toEqual(['ask', `${args.length}`]);
    pipe = FakeService.answerPipe(pid);
    FakeService.answer(pipe, 'alone');
    expect((await result).status).toBe(0);
  });

  it('does not touch a file that the caller has open as fd 9', async () => {
    const file = join(dir, 'file');
    const fd = openSync(file, 'w');
    const free = openSync('/dev/null', 'r');
    try {
      const result = await plyfs(MOUNT, [free, free, free, free, free, free, fd]);
      expect(result).toEqual({ status: 0, stderr: '' });
      expect(service.wasAsked).toBe(false);
      expect(nodeWasStarted()).toBe(true);
    } finally {
      closeSync(free);
      closeSync(fd);
    }
  });

  it('gives the service its arguments in /proc, with the name by which it was called in front', async () => {
    const result = plyfs();
    const pid = await beAsked();
    const words = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0').slice(0, -1);
    expect(words.slice(-MOUNT.length - 1)).toEqual([PLYFS, ...MOUNT]);
    FakeService.answer(pipe, 'alone');
    await result;
  });
});
