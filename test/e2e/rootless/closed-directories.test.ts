/**
 * Directories that their owner cannot write to or read, on that user's own mount, compared with a plain
 * directory.
 */
import { chmodSync, cpSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { libfuse2Lacks, waitFor } from '../../harness/mounts.js';
import * as sys from '../../harness/sys/index.js';
import { type Outcome, run, Sandbox } from '../harness/sandbox.js';
import { giveToUser, openFuseDevice, plyfsAsUser, rootlessUnavailable, runAsUser } from './ordinary-user.js';

const unavailable = libfuse2Lacks('RENAME_EXCHANGE') ?? rootlessUnavailable();

/** renameat2(2) with RENAME_EXCHANGE. */
const EXCHANGE = `exchange() { perl -e 'exit(syscall(316, -100, $ARGV[0], -100, $ARGV[1], 2) != 0)' "$1" "$2" || echo failed; }`;

describe.skipIf(unavailable !== null)(`a directory that its owner cannot write to ${unavailable ?? ''}`, () => {
  let box: Sandbox;
  let closeDevice: () => void;
  beforeAll(() => {
    closeDevice = openFuseDevice();
  });
  afterAll(() => closeDevice());
  beforeEach(() => {
    box = new Sandbox();
    box.write('base/merged/gone/low', '');
    box.write('base/merged/emptied/low', '');
    mkdirSync(box.at('base/merged/other'));
    cpSync(box.at('base'), box.at('plain'), { recursive: true });
    giveToUser(box.dir);
  });
  afterEach(() => box.dispose());

  const shell = (dir: string, script: string): Outcome =>
    runAsUser(['sh', '-c', `cd ${dir}/merged\n${EXCHANGE}\n${script}`], box.dir);

  const changes = (mode: string): string => `
    mkdir -m ${mode} own && mv -T own renamed && stat -c %a renamed
    rm -r gone && mkdir gone && touch gone/made && chmod ${mode} gone && mv -T gone back && stat -c %a back
    rm emptied/low && setfattr -n user.note -v x emptied && chmod ${mode} emptied
    mkdir -m ${mode} onto && mv -T onto emptied && stat -c %a emptied
    mkdir -m ${mode} one && mkdir two && exchange one two && stat -c %a one two
    mkdir -m ${mode} stays && mv -T stays other/stays 2>/dev/null || echo refused
    mkdir -m ${mode} under && rmdir under && mkdir under && rmdir under
    chmod -R u+rwx .; find . -name low -prune -o -print | sort`;

  it.each([
    ['overlay', '555'],
    ['overlay', '0'],
    ['overlay', '300'],
    ['overlay', '111'],
    ['aufs', '555'],
    ['aufs', '0'],
    ['aufs', '300'],
  ])('can be renamed as on ext4 (%s, mode %s)', async (dialect, mode) => {
    const options =
      dialect === 'aufs' ? ['-t', 'aufs', '-o', `br=${box.at('up')}=rw:${box.at('base')}=ro`] : ['-o', box.options];
    const plain = shell('plain', changes(mode));
    expect(plain.stderr).toBe('');
    expect(plyfsAsUser(['mount', ...options, 'mnt'], box.dir)).toMatchObject({ status: 0, stderr: '' });
    expect(shell('mnt', changes(mode))).toEqual(plain);
    expect(plyfsAsUser(['umount', 'mnt'], box.dir).status).toBe(0);
    await waitFor(() => box.daemon() === undefined, 'the daemon to end', 20_000);
    if (dialect === 'overlay') expect(readdirSync(box.at('work/work'))).toEqual([]);
    expect(plyfsAsUser(['mount', ...options, 'mnt'], box.dir)).toMatchObject({ status: 0, stderr: '' });
    const listing = 'find . | sort';
    expect(shell('mnt', listing)).toEqual(shell('plain', listing));
  });

  it.each(['overlay', 'aufs'])('is looked up again when the kernel has forgotten it (%s)', (dialect) => {
    for (const dir of ['base', 'plain', 'below']) {
      // The directory belongs to another user, in a layer that is not the lowest.
      mkdirSync(box.at(`${dir}/merged/shut`), { recursive: true });
      chmodSync(box.at(`${dir}/merged/shut`), 0o700);
    }
    const { dir } = box;
    const [branches, options] =
      dialect === 'aufs'
        ? [`br=${dir}/up=rw:${dir}/base=ro+wh:${dir}/below=ro+wh`, ['-t', 'aufs']]
        : [`lowerdir=${dir}/base:${dir}/below,upperdir=${dir}/up,workdir=${dir}/work`, []];
    const mount = ['mount', ...options, '-o', branches, 'mnt'];
    expect(plyfsAsUser(mount, dir)).toMatchObject({ status: 0, stderr: '' });
    for (const script of [
      'stat -c %a shut; rm -r gone; mkdir gone; chmod 0 gone',
      'stat -c %a gone; chmod 700 gone; ls -A gone',
    ]) {
      expect(shell('mnt', script)).toEqual(shell('plain', script));
      sys.forgetNames(box.mountpoint);
    }
  });

  it('can have a pseudo-link of a file that no user can write', async () => {
    expect(runAsUser(['sh', '-ec', 'cd base; echo x > a; ln a b; chmod 444 a'], box.dir).status).toBe(0);
    const options = ['-t', 'aufs', '-o', `br=${box.at('up')}=rw:${box.at('base')}=ro`];
    expect(plyfsAsUser(['mount', ...options, 'mnt'], box.dir)).toMatchObject({ status: 0, stderr: '' });
    const script = 'cd mnt; touch -d @9 a; stat -c %Y:%a:%h a b';
    expect(runAsUser(['sh', '-c', script], box.dir)).toEqual({ status: 0, stdout: '9:444:2\n9:444:2\n', stderr: '' });
    expect(plyfsAsUser(['umount', 'mnt'], box.dir)).toMatchObject({ status: 0, stderr: '' });
    await waitFor(() => box.daemon() === undefined, 'the daemon to end', 20_000);
    expect(['a', 'b'].map((name) => (statSync(box.at(`up/${name}`)).mode & 0o777).toString(8))).toEqual(['444', '444']);
    expect(run('getfattr', ['-m-', box.at('up/a')]).stdout).toBe('');
  });
});
