/** A terminal that is closed (SIGHUP, and EIO from then on) while plyfs runs on it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mountsUnavailable, PLYFS, TRANSPORT, waitFor } from '../../harness/mounts.js';
import { Sandbox } from './sandbox.js';

const unavailable = mountsUnavailable();

describe.skipIf(unavailable !== null)(`a terminal is hung up ${unavailable ?? ''}`, () => {
  let box: Sandbox;
  let terminal: ChildProcess | undefined;
  beforeEach(() => {
    box = new Sandbox();
    mkdirSync(box.at('tmp'));
  });
  afterEach(() => {
    terminal?.kill('SIGKILL');
    box.dispose();
  });

  /**
   * Runs plyfs on a terminal, closes that when `isBusy`, and returns the status and what plyfs says.
   * @param redirection of plyfs; without one its messages are lost with the terminal
   */
  async function hangUp(args: string, isBusy: () => boolean, redirection = '2>said'): Promise<[number, string]> {
    box.write('said', '');
    // The kernel signals the leader of the session, the shell, which passes the signal on as an interactive
    // shell does. It gives a background process /dev/null to read: hence fd 3. wait(1p) returns early for a
    // signal with a trap.
    const script = `ulimit -c 0; exec 3<&0
      '${PLYFS}' ${args} ${redirection} <&3 3<&- & pid=$!
      trap 'kill -HUP $pid; hung=yes' HUP
      wait $pid; status=$?
      [ -z "$hung" ] || { wait $pid; status=$?; }
      echo $status > status.new; mv status.new status`;
    terminal = spawn('script', ['--quiet', '--command', script, '/dev/null'], {
      cwd: box.dir,
      env: { ...process.env, TMPDIR: box.at('tmp'), SHELL: '/bin/sh' },
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    await waitFor(() => isBusy() || existsSync(box.at('status')), 'plyfs');
    terminal.kill('SIGKILL');
    await waitFor(() => existsSync(box.at('status')), 'the end of plyfs');
    return [Number(box.read('status')), box.read('said')];
  }

  describe.each(['2>said', ''])('messages to: %s', (redirection) => {
    it.skipIf(TRANSPORT === 'fuse-native')('plyfs run ends with 129, and takes all down', async () => {
      const command = "sh -c 'echo > /runs; exec sleep 100'";
      const isBusy = (): boolean => existsSync(box.at('changes/runs'));
      const args = `run --rootfs / --upper changes -- ${command}`;
      expect(await hangUp(args, isBusy, redirection)).toEqual([129, '']);
      expect(readdirSync(box.at('tmp'))).toEqual([]);
    });

    it.skipIf(TRANSPORT === 'fuse-native')('plyfs run before the command is started: the same', async () => {
      // The mount is being made.
      const isBusy = (): boolean =>
        readdirSync(box.at('tmp')).some((run) => existsSync(box.at(`tmp/${run}/work/work`)));
      expect(await hangUp('run --rootfs / --ephemeral -- sleep 100', isBusy, redirection)).toEqual([129, '']);
      expect(readdirSync(box.at('tmp'))).toEqual([]);
    });

    it('plyfs mount -f unmounts and ends with 0', async () => {
      const args = `mount -f -o '${box.options}' mnt`;
      expect(await hangUp(args, () => box.isMounted(), redirection)).toEqual([0, '']);
      expect(box.isMounted()).toBe(false);
    });

    it('plyfs convert ends, and leaves the whole result or none', async () => {
      for (let i = 0; i < 3000; i++) writeFileSync(box.at(`up/${i}`), 'content');
      const isBusy = (): boolean => readdirSync(box.dir).some((name) => name.includes('converted'));
      const [status, said] = await hangUp('convert --to aufs up converted', isBusy, redirection);
      expect([status, said.split('\n').length <= 2, existsSync(box.at('converted'))]).toEqual([
        expect.toBeOneOf([0, 1]),
        true,
        status === 0,
      ]);
      expect(said).not.toContain('Node');
    });
  });
});
