/** One owner for all objects, on a mount of an ordinary user, who cannot change owners. */
import { chmodSync, lchownSync, lstatSync, readdirSync, symlinkSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PLYFS, waitFor } from '../../harness/mounts.js';
import { setxattr } from '../../harness/sys/index.js';
import { type Outcome, run, Sandbox } from '../harness/sandbox.js';
import {
  giveToUser,
  NAME,
  openFuseDevice,
  plyfsAsUser,
  rootlessUnavailable,
  runAsUser,
  userNamespacesUnavailable,
} from './ordinary-user.js';

const ANOTHER = 61_000;
const unavailable = rootlessUnavailable();
const noNamespaces = userNamespacesUnavailable();

/** Files of another user that all users can read. */
const CHANGES = `cd mnt
echo more >> file; chmod 640 file; mv file renamed; ln renamed linked; touch -h symlink; touch dir/child
chmod 600 fifo; touch setid capable with-acl; rm dir/child; mkdir dir/new; touch dir/new/made`;

function prepare(): Sandbox {
  const box = new Sandbox();
  giveToUser(box.dir);
  for (const name of ['file', 'setid', 'capable', 'with-acl', 'dir/child']) box.write(`base/${name}`, 'low\n');
  symlinkSync('nowhere', box.at('base/symlink'));
  run('mkfifo', [box.at('base/fifo')]);
  for (const name of ['', 'file', 'setid', 'capable', 'with-acl', 'dir', 'dir/child', 'symlink', 'fifo']) {
    lchownSync(box.at(`base/${name}`), ANOTHER, ANOTHER);
  }
  chmodSync(box.at('base/setid'), 0o6775);
  run('setcap', ['cap_net_raw+ep', box.at('base/capable')]);
  run('setfacl', ['-m', 'user:7:rw-', box.at('base/with-acl')]);
  setxattr(box.at('base/file'), 'user.kept', 'yes');
  return box;
}

describe.skipIf(unavailable !== null)(`squash_to_* without root ${unavailable ?? ''}`, () => {
  let box: Sandbox;
  let closeDevice: () => void;
  let uid: number;
  beforeAll(() => {
    closeDevice = openFuseDevice();
    uid = Number(run('id', ['-u', NAME]).stdout);
  });
  afterAll(() => closeDevice());
  beforeEach(() => {
    box = prepare();
  });
  afterEach(() => box.dispose());

  async function checkUpper(): Promise<void> {
    for (const name of ['renamed', 'symlink', 'dir', 'dir/new/made', 'fifo', 'setid', 'capable', 'with-acl']) {
      expect([name, lstatSync(box.at(`up/${name}`)).uid]).toEqual([name, uid]);
    }
    const mode = (name: string): string => lstatSync(box.at(`up/${name}`)).mode.toString(8);
    // A set-uid program must not run as the user who has copied it up.
    expect([mode('setid'), mode('renamed'), mode('dir')]).toEqual(['100775', '100640', '40755']);
    expect(run('getfattr', ['--only-values', '-n', 'user.kept', box.at('up/renamed')]).stdout).toBe('yes');
    expect(run('getfacl', ['-cn', box.at('up/with-acl')]).stdout).toContain('group::r--');
    await waitFor(() => box.daemon() === undefined, 'the daemon to end');
    expect(readdirSync(box.at('work/work'))).toEqual([]);
  }

  const shell = (script: string): Outcome => runAsUser(['sh', '-ec', script], box.dir);

  it.each(['squash_to_uid=UID', 'squash_to_uid=UID,squash_to_gid=7'])(
    'lets an ordinary user change what is shown as its own: %s',
    async (options) => {
      const mount = `${box.options},${options.replace('UID', String(uid))}`;
      expect(plyfsAsUser(['-o', mount, 'mnt'], box.dir)).toMatchObject({ status: 0, stderr: '' });
      expect(shell(CHANGES)).toMatchObject({ status: 0, stderr: '' });
      expect(shell('stat -c %u mnt/* | sort -u')).toMatchObject({ stdout: `${uid}\n` });
      expect(plyfsAsUser(['umount', 'mnt'], box.dir).status).toBe(0);
      await checkUpper();
    },
  );

  it.each(['squash_to_root', 'squash_to_gid=0'])(
    'lets an ordinary user change files that all users can write: %s',
    (options) => {
      run('chmod', ['o+w', box.at('base/file')]);
      expect(plyfsAsUser(['-o', `${box.options},${options}`, 'mnt'], box.dir)).toMatchObject({ status: 0, stderr: '' });
      expect(shell('echo more >> mnt/file; cat mnt/file; stat -c %g mnt/file')).toEqual({
        status: 0,
        stdout: 'low\nmore\n0\n',
        stderr: '',
      });
    },
  );

  it.skipIf(noNamespaces !== null)('lets root of a user namespace change all files: squash_to_root', async () => {
    const script = `"${PLYFS}" -o "${box.options},squash_to_root" mnt\n(${CHANGES}; stat -c %u:%g * | sort -u)\numount mnt`;
    expect(runAsUser(['unshare', '-Urm', 'sh', '-ec', script], box.dir)).toEqual({
      status: 0,
      stdout: '0:0\n',
      stderr: '',
    });
    await checkUpper();
  });

  it('lets another user make objects, which the mounting user owns on disk (allow_other)', () => {
    box.write('fuse.conf', 'user_allow_other\n');
    const options = `${box.options},allow_other,squash_to_uid=${uid}`;
    const script = `mount --bind fuse.conf /etc/fuse.conf
setpriv --reuid ${NAME} --regid ${NAME} --clear-groups -- "${PLYFS}" -o "${options}" mnt
touch mnt/new; mkdir mnt/made; ln -s x mnt/link; stat -c %u mnt/new mnt/made mnt/link; umount mnt`;
    expect(run('unshare', ['-m', 'sh', '-ec', script], { cwd: box.dir })).toEqual({
      status: 0,
      stdout: `${uid}\n`.repeat(3),
      stderr: '',
    });
    for (const name of ['new', 'made', 'link']) expect(lstatSync(box.at(`up/${name}`)).uid).toBe(uid);
  });

  it('is needed for that: without it, no file is copied up', () => {
    expect(plyfsAsUser(['-o', box.options, 'mnt'], box.dir).status).toBe(0);
    run('chmod', ['666', box.at('base/file')]);
    expect(runAsUser(['sh', '-c', 'echo more >> mnt/file'], box.dir).status).not.toBe(0);
    expect(readdirSync(box.at('up'))).toEqual([]);
  });
});
