/**
 * Files that their owner can write and not read, on that user's own mount, compared with a plain directory.
 */
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFilesOf } from '../../harness/machine/processes.js';
import { libfuse2Lacks, PLYFS, waitFor } from '../../harness/mounts.js';
import { type Outcome, Sandbox } from '../harness/sandbox.js';
import {
  giveToUser,
  openFuseDevice,
  plyfsAsUser,
  rootlessUnavailable,
  runAsUser,
  userNamespacesUnavailable,
} from './ordinary-user.js';

// libfuse 2 opens a file for writing before it truncates it.
const unavailable = libfuse2Lacks('O_TRUNC') ?? rootlessUnavailable();
const noNamespaces = userNamespacesUnavailable();

describe.skipIf(unavailable !== null)(`a file that its owner can write and not read ${unavailable ?? ''}`, () => {
  let box: Sandbox;
  let closeDevice: () => void;
  let cases = 0;
  beforeAll(() => {
    closeDevice = openFuseDevice();
    box = new Sandbox();
    box.write('base/low/full', 'low\n');
    box.write('base/low/empty', '');
    box.write('base/low/closed', 'low\n');
    mkdirSync(box.at('plain'));
    cpSync(box.at('base/low'), box.at('plain/low'), { recursive: true });
    for (const top of ['base', 'plain']) {
      for (const name of ['full', 'empty', 'closed']) chmodSync(box.at(`${top}/low/${name}`), 0o222);
    }
    giveToUser(box.dir);
    expect(plyfsAsUser(['-o', box.options, 'mnt'], box.dir)).toMatchObject({ status: 0, stderr: '' });
  });
  afterAll(() => {
    box.dispose();
    closeDevice();
  });

  const shell = (dir: string, script: string): Outcome => runAsUser(['sh', '-c', `cd ${dir}\n${script}`], box.dir);

  it.each([
    ['is opened for writing', ': > f; chmod 222 f; echo x > f; echo y >> f; chmod 600 f; cat f'],
    [
      'is written in the middle',
      'echo 0123456 > f; chmod 200 f; printf AB | dd of=f bs=1 seek=3 conv=notrunc status=none; chmod 600 f; cat f',
    ],
    [
      'is truncated and extended',
      'echo 0123456 > f; chmod 200 f; truncate -s 3 f; truncate -s 5 f; stat -c %s f; chmod 600 f; cat f',
    ],
    ['is not opened for reading', 'echo x > f; chmod 222 f; cat f; cat <> f; echo y >> f; stat -c %a:%s f'],
    [
      'is read by a reader that opened it before',
      'echo old > f; exec 4< f; chmod 200 f; echo new >> f; cat <&4; exec 3>> f; echo more >&3; cat <&4',
    ],
    [
      'is opened for reading while it is written, if the mode allows it',
      `: > f; chmod 222 f; exec 3>> f; echo one >&3; cat f; chmod 644 f; cat f; echo two >&3; exec 5<> f; cat <&5
       exec 3>&-; echo three >&5; cat f; rm f; echo four >&5; exec 4< /proc/self/fd/5; cat <&4; stat -Lc %h:%s /proc/self/fd/5`,
    ],
    [
      'has two writers',
      ': > f; chmod 200 f; exec 3>> f; exec 4> f; echo one >&3; echo two >&4; exec 3>&-; echo more >&4; chmod 600 f; cat f',
    ],
    [
      'is written after its removal',
      ': > f; chmod 200 f; exec 3> f; rm f; echo gone >&3; stat -Lc %h:%a:%s /proc/self/fd/3',
    ],
    [
      'is overwritten by cp, and removed',
      'echo content > g; : > f; chmod 200 f; cp g f; stat -c %a:%s f; mv f h; ln h i; chmod 400 i; cat h; rm -f h i; ls',
    ],
    [
      'of a lower layer is truncated to nothing',
      'cd ../low; echo new > full; echo more >> empty; echo and >> full; chmod 644 full empty; cat full empty',
    ],
  ])('%s', (_, script) => {
    const inItsOwn = `mkdir case${cases} && cd case${cases++}\n${script}`;
    expect(shell('mnt', inItsOwn)).toEqual(shell('plain', inItsOwn));
  });

  it('of a lower layer cannot be changed if the server cannot copy its data: EACCES', () => {
    expect(shell('mnt', 'echo more >> low/closed').stderr).toMatch(/Permission denied/);
    expect(existsSync(box.at('up/low/closed'))).toBe(false);
    expect(statSync(box.at('base/low/closed')).mode & 0o777).toBe(0o222);
  });

  it('leaves nothing open and nothing in the work directory', async () => {
    const daemon = box.daemon() ?? Number.NaN;
    const open = (): string[] => [...openFilesOf(daemon).values()];
    await waitFor(() => !open().some((path) => /case\d+\/.|deleted/.test(path)), 'the files to be closed', 20_000);
    expect(plyfsAsUser(['umount', 'mnt'], box.dir).status).toBe(0);
    await waitFor(() => box.daemon() === undefined, 'the daemon to end', 20_000);
    expect(readdirSync(box.at('work/work'))).toEqual([]);
  });

  it.skipIf(noNamespaces !== null)('of a lower layer is copied up by root of a user namespace', () => {
    const layers = ['up2', 'work2', 'mnt2'].map((name) => box.at(name)) as [string, string, string];
    for (const path of layers) mkdirSync(path);
    for (const path of layers) giveToUser(path);
    const options = `lowerdir=${box.at('base')},upperdir=${layers[0]},workdir=${layers[1]}`;
    const script = `"${PLYFS}" -o "${options}" mnt2; echo more >> mnt2/low/closed; cat mnt2/low/closed; umount mnt2`;
    expect(runAsUser(['unshare', '-Urm', 'sh', '-ec', script], box.dir)).toEqual({
      status: 0,
      stdout: 'low\nmore\n',
      stderr: '',
    });
  });
});
