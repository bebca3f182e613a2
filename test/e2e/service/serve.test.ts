/** `plyfs serve` from its start to its end. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isStopped } from '../../../src/sys/process/process-facts.js';
import { PLYFS } from '../../harness/mounts.js';
import { run } from '../harness/sandbox.js';
import { isAlive, type RunningService, ServiceSandbox, until } from './service-under-test.js';

const isRoot = process.getuid?.() === 0;

let box: ServiceSandbox;
beforeEach(() => {
  box = new ServiceSandbox();
});
afterEach(async () => await box.close());

/** Whether the process that serves the mount is the service's. */
function isServedByService(): boolean {
  return box.isMounted() && box.daemon() === undefined;
}

describe('plyfs serve', () => {
  it('accepts mounts, and serves one', async () => {
    const service = await box.start();
    expect(service.text).toBe(`plyfs: serve: accepts mounts in ${box.directory}\n`);
    expect(box.pids().supervisor).toBe(service.pid);
    box.mount();
    expect(isServedByService()).toBe(true);
    expect(readFileSync(join(box.mountpoint, 'from-base'), 'utf8')).toBe('base\n');
  });

  it('gives the server process / as its directory, and as many files as the hard limit allows', async () => {
    await box.start();
    const { server } = box.pids();
    const limits = readFileSync(`/proc/${server}/limits`, 'utf8');
    const [, soft, hard] = /^Max open files\s+(\d+)\s+(\d+)/m.exec(limits) ?? [];
    expect(soft).toBe(hard);
    expect(readlinkSync(`/proc/${server}/cwd`)).toBe('/');
  });

  it('serves mounts also if its messages cannot be written', async () => {
    const child = spawn('sh', ['-c', 'exec "$0" serve 2>/dev/full', PLYFS], { env: box.env, stdio: 'ignore' });
    await until(() => existsSync(join(box.directory, 'pids')) || child.exitCode !== null);
    box.mount();
    expect(isServedByService()).toBe(true);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('refuses to run beside another one', async () => {
    const service = await box.start();
    expect(box.plyfs('serve')).toMatchObject({
      status: 1,
      stderr: `plyfs: serve: ${box.directory}: a service already runs (pid ${service.pid})\n`,
    });
    expect(box.plyfs('serve', '--detach')).toMatchObject({
      status: 1,
      stderr: `plyfs: serve: ${box.directory}: a service already runs (pid ${service.pid})\n`,
    });
    box.mount();
    expect(isServedByService()).toBe(true);
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('unmounts everything and ends after %s', async (signal) => {
    const service = await box.start();
    box.mount();
    const { server } = box.pids();
    service.kill(signal);
    expect(await service.ended()).toBe(0);
    expect(box.isMounted()).toBe(false);
    expect(isAlive(server)).toBe(false);
    expect(readdirSync(box.directory)).toEqual(['lock']);
  });

  it('detaches a mount that is in use when it ends', async () => {
    const service = await box.start();
    box.mount();
    const user = spawn('sleep', ['1000'], { cwd: box.mountpoint, stdio: 'ignore' });
    await once(user, 'spawn');
    try {
      service.kill('SIGTERM');
      expect(await service.ended()).toBe(0);
      expect(box.isMounted()).toBe(false);
    } finally {
      user.kill('SIGKILL');
    }
  });

  it('reports to a service manager that it accepts mounts, and that it ends', async () => {
    const socket = box.at('notify');
    const messages = box.at('messages');
    const listener = spawn('perl', ['-e', LISTENER, socket, messages], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(listener.stdout, 'data');
    try {
      const service = await box.start({ env: { NOTIFY_SOCKET: socket } });
      await until(() => box.read('messages').includes('READY=1\n'));
      await service.end();
      await until(() => box.read('messages').includes('STOPPING=1\n'));
    } finally {
      listener.kill('SIGKILL');
    }
  });

  it('reports to a service manager with an abstract address', async () => {
    const name = `plyfs-test-${process.pid}`;
    const listener = spawn('perl', ['-e', LISTENER, `@${name}`, box.at('messages')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(listener.stdout, 'data');
    try {
      await box.start({ env: { NOTIFY_SOCKET: `@${name}` } });
      await until(() => box.read('messages').includes('READY=1\n'));
    } finally {
      listener.kill('SIGKILL');
    }
  });
});

/** Listens on a unix datagram socket, and appends the messages to a file. `@` begins an abstract name. */
const LISTENER = String.raw`
use IO::Socket::UNIX;
my ($name, $file) = @ARGV;
$name =~ s/^@/\0/;
my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $name) or die "bind: $!";
open my $out, '>', $file or die;
$out->autoflush;
STDOUT->autoflush;
print "listens\n";
while (defined $socket->recv(my $message, 65536)) { print $out "$message\n" }
`;

describe('the directory of a service', () => {
  /** Makes the directory as another program would. */
  function make(directory = box.directory): void {
    mkdirSync(box.base, { mode: 0o700, recursive: true });
    mkdirSync(directory, { mode: 0o700 });
  }

  async function expectRefusal(why: string): Promise<void> {
    const service = await box.start();
    expect(service.text).toBe(`plyfs: serve: ${box.directory}: ${why}\n`);
    expect(await service.ended()).toBe(1);
  }

  it('is refused if it is a symlink', async () => {
    make(box.at('elsewhere'));
    symlinkSync(box.at('elsewhere'), box.directory);
    await expectRefusal('a symlink (ENOTDIR)');
    expect(readdirSync(box.at('elsewhere'))).toEqual([]);
  });

  it('is refused if other users can read it', async () => {
    make();
    chmodSync(box.directory, 0o755);
    await expectRefusal('has mode 0755, not 0700 (EPERM); remove it, or change its mode');
  });

  it.runIf(isRoot)('is refused if it belongs to another user', async () => {
    make();
    chownSync(box.directory, 61001, 61001);
    await expectRefusal('belongs to another user (EPERM)');
  });

  it('is refused if other users can replace it', async () => {
    make();
    chmodSync(box.base, 0o777);
    const service = await box.start();
    expect(service.text).toBe(`plyfs: serve: ${box.base}: writable by other users (EPERM)\n`);
  });

  it('can have files that a killed service has left', async () => {
    const killed = await box.start();
    const { server } = box.pids();
    killed.kill('SIGKILL');
    await until(() => killed.hasEnded && !isAlive(server));
    expect(readdirSync(box.directory).sort()).toEqual(['control', 'lock', 'pids', 'request']);
    const service = await box.start();
    expect(service.text).toContain('accepts mounts');
    box.mount();
    expect(isServedByService()).toBe(true);
  });

  it('can have files of other types in place of the FIFO and the pids', async () => {
    make();
    for (const name of ['pids', 'request', 'control']) writeFileSync(join(box.directory, name), '1 1\n');
    await box.start();
    box.mount();
    expect(isServedByService()).toBe(true);
  });

  it.runIf(isRoot)('is refused if it has no space left', () => {
    mkdirSync(box.base);
    run('mount', ['-t', 'tmpfs', '-o', 'size=4k,mode=0700', 'none', box.base]);
    try {
      writeFileSync(join(box.base, 'filler'), Buffer.alloc(4096));
      expect(box.plyfs('serve')).toEqual({
        status: 1,
        stdout: '',
        stderr: `plyfs: serve: ${box.directory}: write: no space left on device (ENOSPC)\n`,
      });
    } finally {
      run('umount', ['-l', box.base]);
    }
  });

  it('ends the service with its server process if it has been removed', async () => {
    const service = await box.start();
    const { server } = box.pids();
    rmSync(box.directory, { recursive: true });
    process.kill(server, 'SIGKILL');
    expect(await service.ended()).toBe(1);
    expect(service.text).toContain(`plyfs: serve: ${box.directory}: removed or changed while the service ran`);
  });

  it('is not used any more if its mode changes', async () => {
    await box.start();
    chmodSync(box.directory, 0o755);
    box.mount();
    expect(box.daemon()).toBeDefined();
  });
});

function linkOf(pid: number, fd: number | string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`);
  } catch {
    return ''; // ENOENT: it has just been closed.
  }
}

describe('a service of which a process ends', () => {
  it('starts its server process again, and serves new mounts', async () => {
    const service = await box.start();
    const { server } = box.pids();
    process.kill(server, 'SIGKILL');
    await box.untilNewServer(server);
    expect(box.pids().supervisor).toBe(service.pid);
    expect(service.text).toContain('the server process ended: SIGKILL');
    box.mount();
    expect(isServedByService()).toBe(true);
  });

  it('leaves the mounts of a killed server process dead, as those of a killed daemon', async () => {
    await box.start();
    const { server } = box.pids();
    box.mount();
    process.kill(server, 'SIGKILL');
    await box.untilNewServer(server);
    expect(spawnSync('stat', ['-f', box.mountpoint], { encoding: 'utf8' }).stderr).toContain('not connected');
  });

  it('serves its mounts after the supervisor is killed, until they are unmounted', async () => {
    const service = await box.start();
    box.mount();
    const { server } = box.pids();
    service.kill('SIGKILL');
    await service.ended();
    expect(readFileSync(join(box.mountpoint, 'from-top'), 'utf8')).toBe('top\n');
    expect(box.plyfs('umount', 'mnt').status).toBe(0);
    await until(() => !isAlive(server));
  });

  it('ends if only its server process gets SIGTERM', async () => {
    const service = await box.start();
    box.mount();
    process.kill(box.pids().server, 'SIGTERM');
    expect(await service.ended()).toBe(0);
    expect(box.isMounted()).toBe(false);
  });

  it('ends, and detaches the mounts, if the server process does not end', async () => {
    const service = await box.start();
    box.mount();
    process.kill(box.pids().server, 'SIGSTOP');
    service.kill('SIGTERM');
    expect(await service.ended()).toBe(0);
    expect(box.isMounted()).toBe(false);
    expect(service.text).toContain('did not end by itself: SIGKILL');
  });

  it('ends while it has no server process', async () => {
    const service = await box.start();
    const { server } = box.pids();
    process.kill(server, 'SIGKILL');
    await until(() => service.text.includes('the server process ended'));
    service.kill('SIGTERM');
    expect(await service.ended()).toBe(0);
  });
});

describe('requests of odd processes', () => {
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  let service: RunningService;
  beforeEach(async () => {
    service = await box.start();
  });

  function write(text: string): void {
    writeFileSync(join(box.directory, 'request'), text, { flag: 'a' });
  }

  it('are ignored if they are no requests', async () => {
    write('\n');
    write('ask\n');
    write(`ask ${process.pid}\n`);
    write(`${'x'.repeat(5000)}\n`);
    write('ask 99999999999 1\n');
    write('a part of a line ');
    box.mount();
    expect(isServedByService()).toBe(true);
    await until(() => service.text.includes('not a request: ask\n'));
  });

  it('are ignored if the process does not exist, has ended, or has no pipe', async () => {
    write('ask 4194303 1\n');
    write('go 4194303\n');
    write(`ask ${process.pid} 1\n`);
    box.mount();
    expect(isServedByService()).toBe(true);
    await until(() => service.text.includes(`${process.pid}: asks without a pipe`));
  });

  it.each([
    { who: 'has other arguments than it has counted', argc: 50, why: 'fewer words' },
    { who: 'does not mount', argc: 1, why: 'not a command line that mounts' },
  ])('get the answer `alone` if the process $who', async ({ argc, why }) => {
    const liar = spawn('perl', ['-e', ASKER, join(box.directory, 'request'), `${argc}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(liar);
    const [answer] = (await once(liar.stdout, 'data')) as [Buffer];
    expect(answer.toString()).toBe('alone\n');
    await until(() => service.text.includes(why));
  });

  it.runIf(isRoot)('get the answer `alone` if the process has fewer rights', async () => {
    for (const [flags, why] of [
      [['--reuid', '61001', '--clear-groups'], 'other user ids'],
      [['--groups', '61001'], 'other supplementary groups'],
      [['--bounding-set', '-sys_admin'], 'capabilities'],
      [['--no-new-privs'], 'no_new_privs'],
    ] as const) {
      // The test itself writes the request: the process could not.
      const liar = spawn('setpriv', [...flags, 'perl', '-e', ASKER, 'mount', '-o', 'lowerdir=/', '/mnt'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      children.push(liar);
      const data = once(liar.stdout, 'data');
      await until(() => linkOf(liar.pid ?? 0, 9).startsWith('pipe'));
      write(`ask ${liar.pid} 4\n`);
      expect(((await data) as [Buffer])[0].toString()).toBe('alone\n');
      await until(() => service.text.includes(why));
    }
  });

  it.runIf(isRoot)('get an answer also while the service has no fds left', async () => {
    const { server } = box.pids();
    const limit = (value: string): void => {
      expect(spawnSync('prlimit', ['--pid', `${server}`, `--nofile=${value}:`]).status).toBe(0);
    };
    const [, hard = ''] = /^Max open files\s+\d+\s+(\d+)/m.exec(readFileSync(`/proc/${server}/limits`, 'utf8')) ?? [];
    // All numbers below the limit are in use.
    const used = new Set(readdirSync(`/proc/${server}/fd`).map(Number));
    let free = 0;
    while (used.has(free)) free++;
    limit(`${free}`);
    try {
      // The command serves the mount itself, unless a thread of the service has just closed a file.
      box.mount();
      expect(box.isMounted()).toBe(true);
      expect(box.plyfs('umount', 'mnt').status).toBe(0);
    } finally {
      limit(hard);
    }
    box.mount();
    expect(isServedByService()).toBe(true);
  });

  it('do not hinder a mount while the server process is stopped', async () => {
    const { server } = box.pids();
    process.kill(server, 'SIGSTOP');
    await until(() => isStopped(server));
    try {
      box.mount();
      expect(box.daemon()).toBeDefined();
      expect(box.plyfs('umount', 'mnt').status).toBe(0);
    } finally {
      process.kill(server, 'SIGCONT');
    }
    box.mount();
    expect(isServedByService()).toBe(true);
  });
});

/** Has a pipe as fds 8 and 9, asks if there is a request FIFO, and prints the answer. */
const ASKER = String.raw`
use POSIX;
pipe(my $reader, my $writer) or die;
POSIX::dup2(fileno($reader), 9);
POSIX::dup2(fileno($writer), 8);
my ($request, $count) = @ARGV;
if (-p $request) {
  open my $fifo, '+<', $request or die;
  syswrite $fifo, "ask $$ $count\n";
}
open my $answers, '<&=', 9 or die;
STDOUT->autoflush;
print scalar <$answers>;
`;

describe('plyfs serve --detach', () => {
  it('returns when the service accepts mounts, which has a session of its own', async () => {
    expect(box.plyfs('serve', '--detach')).toEqual({ status: 0, stdout: '', stderr: '' });
    const { supervisor } = box.pids();
    const stat = readFileSync(`/proc/${supervisor}/stat`, 'latin1').split(') ').at(-1)?.split(' ');
    expect(Number(stat?.[3])).toBe(supervisor);
    for (const fd of [0, 1, 2]) {
      expect(linkOf(supervisor, fd)).toBe('/dev/null');
    }
    box.mount();
    expect(isServedByService()).toBe(true);
  });

  /** Puts a shell script in the place of logger(1). It gets the message as its last argument. */
  function environmentWithLogger(script: string): NodeJS.ProcessEnv {
    const folder = box.at('programs');
    mkdirSync(folder);
    writeFileSync(join(folder, 'logger'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return { ...box.env, PATH: `${folder}:${process.env.PATH}` };
  }

  it('sends the reason of its end to syslog', async () => {
    const lines = box.at('lines');
    const env = environmentWithLogger(`for line; do :; done; echo "$line" >>'${lines}'`);
    expect(run(PLYFS, ['serve', '--detach'], { cwd: box.dir, env }).status).toBe(0);
    const { supervisor, server } = box.pids();
    rmSync(box.directory, { recursive: true });
    process.kill(server, 'SIGKILL');
    await until(() => !isAlive(supervisor));
    expect(readFileSync(lines, 'utf8')).toContain('removed or changed while the service ran');
  });

  it('does not wait for a syslog that hangs', async () => {
    const began = box.at('began');
    const env = environmentWithLogger(`echo began >>'${began}'; exec sleep 20`);
    expect(run(PLYFS, ['serve', '--detach'], { cwd: box.dir, env }).status).toBe(0);
    writeFileSync(join(box.directory, 'request'), 'one\ntwo\nthree\nfour\n');
    await until(() => existsSync(began));
    // The supervisor would have to wait for all loggers before it could handle this request.
    expect(box.plyfs('serve', '--stop')).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(readFileSync(began, 'utf8').split('\n').length).toBeLessThan(4);
  });

  it('prints the refusal of the service', () => {
    mkdirSync(box.base, { mode: 0o700 });
    mkdirSync(box.directory, { mode: 0o700 });
    chmodSync(box.directory, 0o750);
    expect(box.plyfs('serve', '--detach')).toMatchObject({
      status: 1,
      stderr: `plyfs: serve: ${box.directory}: has mode 0750, not 0700 (EPERM); remove it, or change its mode\n`,
    });
  });

  it('ends after a time without a mount', async () => {
    expect(box.plyfs('serve', '--detach', '--idle-timeout', '0.5').status).toBe(0);
    const { supervisor, server } = box.pids();
    await until(() => !isAlive(supervisor) && !isAlive(server));
    expect(readdirSync(box.directory)).toEqual(['lock']);
  });

  it('counts the time without a mount from the last unmount', async () => {
    expect(box.plyfs('serve', '--detach', '--idle-timeout', '1').status).toBe(0);
    const { supervisor } = box.pids();
    box.mount();
    expect(isServedByService()).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(isAlive(supervisor)).toBe(true);
    expect(box.plyfs('umount', 'mnt').status).toBe(0);
    await until(() => !isAlive(supervisor));
  });
});

describe('plyfs serve --status', () => {
  it('shows the service and its mounts as lines, and as JSON', async () => {
    const service = await box.start();
    box.mount();
    const { server } = box.pids();
    const { status, stdout } = box.plyfs('serve', '--status');
    expect(status).toBe(0);
    const [head = '', mount = ''] = stdout.split('\n');
    expect(head).toMatch(
      new RegExp(`^supervisor ${service.pid}, server ${server}: 1 mount, \\d+ threads?, [\\d.]+ MiB$`),
    );
    expect(mount.split('\t')).toEqual([
      box.mountpoint,
      expect.anything(),
      expect.anything(),
      expect.anything(),
      expect.anything(),
      expect.stringContaining('lowerdir='),
    ]);
    const json = JSON.parse(box.plyfs('serve', '--status', '--json').stdout) as object;
    expect(json).toMatchObject({
      supervisor: { pid: service.pid },
      server: { pid: server, rss: expect.any(Number) as number },
      mounts: [
        { mountpoint: box.mountpoint, requests: expect.any(Number) as number, nodes: expect.any(Number) as number },
      ],
    });
  });

  it('fails if no service runs', () => {
    for (const action of ['--status', '--stop']) {
      expect(box.plyfs('serve', action)).toEqual({
        status: 1,
        stdout: '',
        stderr: `plyfs: serve: no service runs in ${box.directory}\n`,
      });
    }
    expect(existsSync(box.base)).toBe(false);
  });

  it('fails if the service was killed', async () => {
    const service = await box.start();
    const { server } = box.pids();
    service.kill('SIGKILL');
    await until(() => service.hasEnded && !isAlive(server));
    expect(box.plyfs('serve', '--status')).toMatchObject({
      status: 1,
      stderr: `plyfs: serve: no service runs in ${box.directory}\n`,
    });
  });
});

describe('plyfs serve --stop', () => {
  it('ends a service without mounts', async () => {
    const service = await box.start();
    expect(box.plyfs('serve', '--stop')).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(await service.ended()).toBe(0);
  });

  it('waits for the mounts, and names them', async () => {
    const service = await box.start();
    box.mount();
    const stopping = spawn(PLYFS, ['serve', '--stop'], { env: box.env, stdio: ['ignore', 'ignore', 'pipe'] });
    const ended = once(stopping, 'exit');
    const [text] = (await once(stopping.stderr, 'data')) as [Buffer];
    expect(text.toString()).toBe(`plyfs: serve: waits until these are unmounted: ${box.mountpoint}\n`);
    expect(service.hasEnded).toBe(false);
    expect(box.plyfs('umount', 'mnt').status).toBe(0);
    expect(await ended).toEqual([0, null]);
    expect(await service.ended()).toBe(0);
  });

  it('has no effect if it is interrupted', async () => {
    await box.start();
    box.mount();
    const stopping = spawn(PLYFS, ['serve', '--stop'], { env: box.env, stdio: ['ignore', 'ignore', 'pipe'] });
    const ended = once(stopping, 'exit');
    await once(stopping.stderr, 'data');
    stopping.kill('SIGINT');
    await ended;
    expect(box.plyfs('umount', 'mnt').status).toBe(0);
    box.mount();
    expect(isServedByService()).toBe(true);
  });

  it('detaches the mounts with --lazy', async () => {
    const service = await box.start();
    box.mount();
    expect(box.plyfs('serve', '--stop', '--lazy')).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(await service.ended()).toBe(0);
    expect(box.isMounted()).toBe(false);
  });
});

describe('the command line of plyfs serve', () => {
  it.each([
    [['--json'], '--json needs --status'],
    [['--lazy'], '--lazy needs --stop'],
    [['--status', '--stop'], '--status, --stop, and options of a new service exclude each other'],
    [['--status', '--detach'], '--status, --stop, and options of a new service exclude each other'],
    [['--idle-timeout', 'soon'], "option '--idle-timeout <s>' argument 'soon' is invalid. not a number of seconds"],
    [['now'], "too many arguments for 'serve'. Expected 0 arguments but got 1"],
  ])('is refused: %j', (args, message) => {
    expect(box.plyfs('serve', ...args)).toEqual({
      status: 2,
      stdout: '',
      stderr: `plyfs: ${message}; see plyfs serve --help\n`,
    });
  });
});
