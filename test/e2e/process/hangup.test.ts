/** A terminal that is closed while plyfs runs on it: SIGHUP, then EIO for every access. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mountsUnavailable, PLYFS, TRANSPORT, waitFor } from '../../harness/mounts.js';
import { Sandbox } from '../harness/sandbox.js';

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
   * Runs plyfs on a terminal, and closes the terminal when `isBusy`. Returns the status and the messages of
   * plyfs.
   * @param redirection a redirection for plyfs; without one its messages are lost with the terminal
   */
  async function hangUp(args: string, isBusy: () => boolean, redirection = '2>output'): Promise<[number, string]> {
    box.write('output', '');
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
    return [Number(box.read('status')), box.read('output')];
  }

  describe.each(['2>output', ''])('messages to: %s', (redirection) => {
    it.skipIf(TRANSPORT === 'fuse-native')('plyfs run ends with 129, and unmounts everything', async () => {
      const command = "sh -c 'echo > /runs; exec sleep 100'";
      const isBusy = (): boolean => existsSync(box.at('changes/runs'));
      const args = `run --rootfs / --upper changes -- ${command}`;
      expect(await hangUp(args, isBusy, redirection)).toEqual([129, '']);
      expect(readdirSync(box.at('tmp'))).toEqual([]);
    });

    it.skipIf(TRANSPORT === 'fuse-native')('plyfs run ends with 129 even if no command runs yet', async () => {
      // At this moment plyfs makes the mount.
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

    it('plyfs convert ends, and leaves the complete result or nothing', async () => {
      for (let i = 0; i < 3000; i++) writeFileSync(box.at(`up/${i}`), 'content');
      const isBusy = (): boolean => readdirSync(box.dir).some((name) => name.includes('converted'));
      const [status, output] = await hangUp('convert --to aufs up converted', isBusy, redirection);
      expect([status, output.split('\n').length <= 2, existsSync(box.at('converted'))]).toEqual([
        expect.toBeOneOf([0, 1]),
        true,
        status === 0,
      ]);
      expect(output).not.toContain('Node');
    });
  });
});
