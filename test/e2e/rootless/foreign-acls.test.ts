/** ACLs that name users and groups outside of the mounter's user namespace. */
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { libfuse2Lacks, PLYFS } from '../../harness/mounts.js';
import { type Outcome, run, Sandbox } from '../harness/sandbox.js';
import { giveToUser, lendSubordinates, openFuseDevice, runAsUser, userNamespacesUnavailable } from './ordinary-user.js';

const unavailable = libfuse2Lacks('ACLs') ?? userNamespacesUnavailable();
/** An id that the namespace does not map. */
const FOREIGN = 1234;

describe.skipIf(unavailable !== null)(`ACLs with ids outside of the user namespace ${unavailable ?? ''}`, () => {
  let box: Sandbox;
  let closeDevice: () => void;
  let takeBack: () => void;
  beforeAll(() => {
    closeDevice = openFuseDevice();
    takeBack = lendSubordinates();
  });
  afterAll(() => {
    takeBack();
    closeDevice();
  });
  beforeEach(() => {
    box = new Sandbox();
    for (const file of ['file', 'dir/child', 'closed', 'emptied/hidden']) box.write(`base/${file}`, 'low\n');
    box.write('up/made/taken', '');
    run('mkdir', [box.at('base/moving'), box.at('base/inherits')]);
    giveToUser(box.dir);
    const acls: [string, ...string[]][] = [
      [`user:${FOREIGN}:rwx,group:77:r-x`, 'base/file', 'base/dir', 'base/emptied'],
      [`user:${FOREIGN}:---`, 'base/closed'],
      [`default:user:${FOREIGN}:rwx`, 'base/inherits', 'up/made'],
    ];
    for (const [entries, ...names] of acls) {
      expect(run('setfacl', ['-m', entries, ...names.map((name) => box.at(name))]).stderr).toBe('');
    }
  });
  afterEach(() => box.dispose());

  const mounts = {
    'the kernel': `mount -t overlay overlay -o "$OPTIONS,userxattr" mnt`,
    plyfs: `"${PLYFS}" -o "$OPTIONS" mnt`,
  };

  /**
   * Runs a script in the namespace. The script must unmount, because the server keeps the namespace alive.
   */
  function inNamespace(mount: keyof typeof mounts, script: string, map: readonly string[] = [], more = ''): Outcome {
    const whole = `${mounts[mount]}\ncd mnt\n${script}\ncd ..\numount mnt`;
    return runAsUser(['env', `OPTIONS=${box.options}${more}`, 'unshare', '-Urm', ...map, 'sh', '-ec', whole], box.dir);
  }

  const changes = `echo more >> file; chmod 664 file; mv file renamed; touch dir/child; ln closed other
mkdir inherits/dir; touch inherits/file; mkdir made/dir; touch made/file
rm made/taken; touch made/taken; rm -r inherits/dir; mkdir inherits/dir
rm emptied/hidden; mkdir moved; mv -T moved emptied; find . | sort`;

  it.each([
    ['its root only', []],
    ['root and subordinate users', ['--map-auto']],
  ])('allow all changes (%s)', (_, map) => {
    const kernel = inNamespace('the kernel', changes, map);
    expect(kernel).toMatchObject({ status: 0, stderr: '' });
    run('rm', ['-r', box.at('up'), box.at('work')]);
    run('mkdir', [box.at('up'), box.at('work'), box.at('up/made')]);
    giveToUser(box.at('up'));
    giveToUser(box.at('work'));
    box.write('up/made/taken', '');
    run('setfacl', ['-m', `default:user:${FOREIGN}:rwx`, box.at('up/made')]);
    giveToUser(box.at('up'));
    expect(inNamespace('plyfs', changes, map)).toEqual(kernel);
  });

  it('are copied up without these entries, and a denied user gains no access', () => {
    expect(inNamespace('plyfs', 'touch file closed dir; chmod o+x dir').stderr).toBe('');
    const acl = (name: string): string => run('getfacl', ['-cn', box.at(`up/${name}`)]).stdout.trim();
    expect(acl('file')).toBe('user::rw-\ngroup::r--\nmask::rwx\nother::r--');
    expect(acl('dir')).toBe('user::rwx\ngroup::r-x\nmask::rwx\nother::r-x');
    expect(acl('closed')).toBe('user::rw-\ngroup::---\nmask::r--\nother::---');
  });

  it('are kept where the kernel makes the object itself', () => {
    expect(inNamespace('plyfs', 'touch made/file').stderr).toBe('');
    expect(run('getfacl', ['-cn', box.at('up/made/file')]).stdout).toContain(`user:${FOREIGN}:rwx`);
  });

  it('grant all users of the namespace the permissions of others', () => {
    run('chown', ['300004:300004', box.at('base/file'), box.at('base/dir'), box.at('up/made')]);
    const another = 'setpriv --reuid 5 --regid 5 --clear-groups sh -ec';
    const script = `${another} 'cat file; ls dir'; getfacl -cn file
setpriv --reuid 5 --regid 5 --clear-groups cat closed || echo denied
chmod 777 made; ${another} 'mkdir made/dir; echo > made/dir/file; ls -A made/dir'`;
    const { status, stdout } = inNamespace('plyfs', script, ['--map-auto']);
    expect(stdout).toBe('low\nchild\nuser::rw-\ngroup::r--\nmask::rwx\nother::r--\n\ndenied\nfile\n');
    expect(status).toBe(0);
  });

  it('are logged once', () => {
    expect(inNamespace('plyfs', 'touch file closed dir; mkdir made/dir', [], `,log=${box.at('log')}`).stderr).toBe('');
    expect(readFileSync(box.at('log'), 'utf8').match(/outside of this user namespace/g)).toHaveLength(1);
  });

  it('prevent a conversion, which must lose nothing', () => {
    const script = `"${PLYFS}" convert --to aufs base converted || ls -d converted*`;
    const { stdout, stderr } = runAsUser(['unshare', '-Urm', 'sh', '-c', script], box.dir);
    for (const name of ['file', 'dir', 'inherits']) {
      expect(stderr).toMatch(
        new RegExp(`^plyfs: convert: base/${name}: its ACL names .* outside of this user namespace`, 'm'),
      );
    }
    expect(stdout).toBe('');
  });
});
