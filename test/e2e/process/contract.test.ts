/**
 * The contract with the caller of plyfs: when it returns, which files its daemon holds, how the daemon ends.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { threadDirectoriesOf } from '../../harness/machine/processes.js';
import { mountsUnavailable, PLYFS, TRANSPORT, waitFor } from '../../harness/mounts.js';
import { run, Sandbox } from '../harness/sandbox.js';

const unavailable = mountsUnavailable();

describe.skipIf(unavailable !== null)(`the process contract ${unavailable ?? ''}`, () => {
  let box: Sandbox;
  const children: ChildProcess[] = [];
  beforeEach(() => {
    box = new Sandbox();
  });
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    box.dispose();
  });

  function daemon(): number {
    const pid = box.daemon();
    if (pid === undefined) throw new Error('no daemon');
    return pid;
  }

  function untilEnded(): Promise<void> {
    return waitFor(() => box.daemon() === undefined, 'the daemon to end');
  }

  async function foreground(...args: string[]): Promise<{ child: ChildProcess; output: () => string }> {
    const child = spawn(PLYFS, ['-f', '-o', box.options, ...args, box.mountpoint], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    children.push(child);
    let text = '';
    child.stderr?.setEncoding('utf8').on('data', (more: string) => {
      text += more;
    });
    await waitFor(() => {
      if (child.exitCode !== null) throw new Error(`plyfs -f: ${text}`);
      return box.isMounted();
    }, 'the mount');
    return { child, output: () => text };
  }

  describe('in the background', () => {
    it('returns when the mount can be used, and closes its stdout and stderr', () => {
      // spawnSync waits for the end of both pipes, as Go programs do. It would time out if the daemon held
      // one open.
      expect(box.plyfs('-o', box.options, 'mnt')).toEqual({ status: 0, stdout: '', stderr: '' });
      expect(readdirSync(box.mountpoint)).toContain('from-top');
    });

    it('the daemon holds nothing of the caller: stdio, terminal, working directory', () => {
      box.mount();
      const pid = daemon();
      const fd = (n: number): string => readlinkSync(`/proc/${pid}/fd/${n}`);
      expect([fd(0), fd(1), fd(2)]).toEqual(['/dev/null', '/dev/null', '/dev/null']);
      const [, session] = /^\d+ \(.*\) \S \d+ \d+ (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? [];
      expect(Number(session)).toBe(pid);
      expect(new Set(threadDirectoriesOf(pid).values())).toEqual(new Set(['/']));
    });

    it('creates files with the mode and umask of the caller, not with its own', () => {
      expect(
        run('/bin/sh', ['-c', `umask 077; exec "${PLYFS}" -o "${box.options}" mnt`], { cwd: box.dir }).status,
      ).toBe(0);
      expect(spawnSync('/bin/sh', ['-c', `umask 002; echo > ${box.mountpoint}/new`]).status).toBe(0);
      expect(statSync(box.at('up/new')).mode & 0o777).toBe(0o664);
    });

    it.each([
      ['umount', (path: string) => ['umount', path]],
      ['umount -l', (path: string) => ['umount', '-l', path]],
      ['fusermount3 -u', (path: string) => ['fusermount3', '-u', path]],
      ['plyfs umount', (path: string) => [PLYFS, 'umount', path]],
      ['plyfs umount --lazy', (path: string) => [PLYFS, 'umount', '--lazy', path]],
    ])('ends at once when it is unmounted with %s', async (_, command) => {
      box.mount();
      const [program = '', ...args] = command(box.mountpoint);
      expect(run(program, args)).toMatchObject({ status: 0, stderr: '' });
      expect(box.isMounted()).toBe(false);
      await untilEnded();
    });

    it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('%s unmounts', async (signal) => {
      box.mount();
      process.kill(daemon(), signal);
      await untilEnded();
      expect(box.isMounted()).toBe(false);
    });

    // With fuse-native, close(2) needs an answer of the server (docs/transports.md).
    it.skipIf(TRANSPORT === 'fuse-native')(
      'SIGTERM while a file is open: unmounts, and accesses to the file fail',
      async () => {
        box.mount();
        const fd = openSync(`${box.mountpoint}/from-top`, 'r+');
        try {
          process.kill(daemon(), 'SIGTERM');
          await untilEnded();
          expect(box.isMounted()).toBe(false);
          expect(spawnSync('cat', [], { stdio: [fd, 'pipe', 'pipe'], timeout: 5000 }).status).not.toBe(0);
        } finally {
          closeSync(fd);
        }
      },
    );

    // With fuse-native, another process serves, and unmounts when the daemon is killed (docs/transports.md).
    it.skipIf(TRANSPORT === 'fuse-native')(
      'killed: applications get an error instead of waiting, and the mount can be unmounted and made again',
      async () => {
        box.mount();
        process.kill(daemon(), 'SIGKILL');
        await untilEnded();
        // ECONNABORTED while the kernel aborts the connection, then ENOTCONN.
        expect(run('ls', [box.mountpoint]).stderr).toMatch(/not connected|connection abort/);
        expect(box.plyfs('-o', box.options, 'mnt').stderr).toMatch(
          /^plyfs: mountpoint: mnt: .*died \(ENOTCONN\); unmount it/,
        );
        expect(box.plyfs('umount', 'mnt')).toMatchObject({ status: 0, stderr: '' });
        box.mount();
        expect(readdirSync(box.mountpoint)).toContain('from-base');
      },
    );

    it('shows everything that was written before an unmount directly followed by a mount', () => {
      for (let round = 1; round <= 5; round++) {
        box.mount();
        box.write('mnt/count', `${round}`);
        if (round > 1) expect(box.read('mnt/before')).toBe(`${round - 1}`);
        box.write('mnt/before', `${round}`);
        expect(spawnSync('umount', [box.mountpoint]).status).toBe(0);
      }
    });

    it('leaves no mount behind if the command is killed while it waits', async () => {
      for (const delay of [20, 60, 100, 140, 180, 220]) {
        const child = spawn(PLYFS, ['-o', box.options, box.mountpoint], { stdio: 'ignore' });
        children.push(child);
        const exit = once(child, 'exit');
        await new Promise((resolve) => setTimeout(resolve, delay));
        child.kill('SIGKILL');
        const [status] = await exit;
        if (status === 0) spawnSync('umount', [box.mountpoint]);
        await waitFor(() => !box.becomesDaemon(), 'the daemon to end');
        await waitFor(() => !box.isMounted(), 'the mount to go');
      }
    });

    it('a refusal in the daemon is printed for the caller', () => {
      const outcome = box.plyfs('-o', `${box.options},log=/nowhere/at/all`, 'mnt');
      expect(outcome).toMatchObject({
        status: 1,
        stderr: 'plyfs: log: /nowhere/at/all: no such file or directory (ENOENT)\n',
      });
      expect(box.isMounted()).toBe(false);
    });

    it('uses no CPU while no process uses the mount', async () => {
      box.mount();
      readdirSync(box.mountpoint);
      const pid = daemon();
      const used = (): number => {
        const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
        return Number(fields[11]) + Number(fields[12]);
      };
      let before = -1;
      // Start-up work (compilation, garbage collection) must end first: wait for two seconds in a row without
      // a tick.
      for (let calm = 0, seconds = 0; calm < 2; seconds++) {
        expect(seconds).toBeLessThan(15);
        const now = used();
        calm = now === before ? calm + 1 : 0;
        before = now;
        await new Promise((resolve) => setTimeout(resolve, 1000));
      }
    });
  });

  describe('in the foreground', () => {
    it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('%s unmounts and ends it with 0', async (signal) => {
      const { child } = await foreground();
      child.kill(signal);
      expect(await once(child, 'exit')).toEqual([0, null]);
      expect(box.isMounted()).toBe(false);
    });

    it("SIGUSR1, which makes fuse-overlayfs print statistics, does not open Node's debugger to all users", async () => {
      const { child, output } = await foreground();
      child.kill('SIGUSR1');
      expect(readdirSync(box.mountpoint)).toContain('from-top');
      child.kill();
      expect(await once(child, 'exit')).toEqual([0, null]);
      expect(output()).toBe('');
    });

    it('ends with 0 when another process unmounts it', async () => {
      const { child, output } = await foreground();
      expect(spawnSync('umount', [box.mountpoint]).status).toBe(0);
      expect(await once(child, 'exit')).toEqual([0, null]);
      expect(output()).toBe('');
    });

    it('prints every request with -d', async () => {
      const { child, output } = await foreground('-d');
      readdirSync(box.mountpoint);
      await waitFor(() => /READDIR/.test(output()), 'a READDIR in the trace');
      child.kill();
      await once(child, 'exit');
    });
  });

  describe('plyfs umount', () => {
    it('refuses a mount that is in use, and detaches it with --lazy', async () => {
      box.mount();
      const fd = openSync(`${box.mountpoint}/from-top`, 'r');
      try {
        expect(box.plyfs('umount', 'mnt')).toMatchObject({
          status: 1,
          stderr: expect.stringMatching(/^plyfs: umount: \S+: in use \(EBUSY\); [^\n]+\n$/),
        });
        expect(box.plyfs('umount', '--lazy', 'mnt').status).toBe(0);
        // After the detach, the server still serves the last user.
        expect(spawnSync('cat', [], { stdio: [fd, 'pipe', 'inherit'] }).stdout.toString()).toBe('top\n');
      } finally {
        closeSync(fd);
      }
      await untilEnded();
    });
  });

  describe('help and version', () => {
    it('--version prints the versions of plyfs, Node.js and the kernel interface', () => {
      expect(box.plyfs('--version')).toMatchObject({
        status: 0,
        stdout: expect.stringMatching(
          /^plyfs \d+\.\d+\.\d+\nNode\.js v\d+\.\S+\nFUSE kernel interface 7\.\d+ to 7\.\d+\n$/,
        ),
      });
    });

    it('--help and mount --help describe commands, options and exit statuses', () => {
      expect(box.plyfs('--help').stdout).toMatch(/mount[\s\S]*umount[\s\S]*Examples:[\s\S]*Exit status:/);
      const { stdout } = box.plyfs('mount', '--help');
      for (const name of ['lowerdir=', 'upperdir=', 'workdir=', 'ro, rw', 'volatile', 'max_layers=', 'passthrough=']) {
        expect(stdout).toContain(name);
      }
    });
  });
});
