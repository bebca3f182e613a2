/** Mounts without root: through fusermount3, and in a user namespace. The tests look at the disk as root. */
import { lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PLYFS, waitFor } from '../../harness/mounts.js';
import { type Outcome, run, Sandbox } from '../harness/sandbox.js';
import {
  giveToUser,
  openFuseDevice,
  plyfsAsUser,
  rootlessUnavailable,
  runAsUser,
  userNamespacesUnavailable,
} from './ordinary-user.js';

function prepare(): Sandbox {
  const box = new Sandbox();
  box.write('base/dir/low', 'low\n');
  box.write('base/dir/also', '');
  giveToUser(box.dir);
  return box;
}

const unavailable = rootlessUnavailable();

describe.skipIf(unavailable !== null)(`an ordinary user with fusermount3 ${unavailable ?? ''}`, () => {
  let box: Sandbox;
  let closeDevice: () => void;
  beforeAll(() => {
    closeDevice = openFuseDevice();
  });
  afterAll(() => closeDevice());
  beforeEach(() => {
    box = prepare();
  });
  afterEach(() => box.dispose());

  function shell(script: string): Outcome {
    return runAsUser(['sh', '-ec', script], box.dir);
  }

  it('mounts, reads, writes and unmounts', async () => {
    expect(plyfsAsUser(['-o', box.options, 'mnt'], box.dir)).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(run('findmnt', ['-nro', 'SOURCE,FSTYPE,OPTIONS', box.mountpoint]).stdout).toMatch(
      /^plyfs fuse\.plyfs rw,nosuid,nodev,relatime,\S*default_permissions/,
    );
    expect(shell('cat mnt/from-top mnt/dir/low; echo more >> mnt/dir/low; cat mnt/dir/low')).toEqual({
      status: 0,
      stdout: 'top\nlow\nlow\nmore\n',
      stderr: '',
    });
    expect(readFileSync(box.at('up/dir/low'), 'utf8')).toBe('low\nmore\n');
    expect(plyfsAsUser(['umount', 'mnt'], box.dir)).toMatchObject({ status: 0, stderr: '' });
    expect(box.isMounted()).toBe(false);
    await waitFor(() => box.daemon() === undefined, 'the daemon to end');
  });

  it('SIGTERM unmounts through fusermount3', async () => {
    expect(plyfsAsUser(['-o', box.options, 'mnt'], box.dir).status).toBe(0);
    process.kill(box.daemon() ?? Number.NaN, 'SIGTERM');
    await waitFor(() => box.daemon() === undefined, 'the daemon to end');
    expect(box.isMounted()).toBe(false);
  });

  it('deletes a lower file, which stays deleted at the next mount', () => {
    const listing = 'ls mnt mnt/dir';
    expect(plyfsAsUser(['-o', box.options, 'mnt'], box.dir).status).toBe(0);
    expect(shell('rm mnt/from-top mnt/dir/low; rm -r mnt/dir; mkdir mnt/dir; echo > mnt/dir/fresh').stderr).toBe('');
    const before = shell(listing).stdout;
    expect(before).toBe('mnt:\ndir\nfrom-base\n\nmnt/dir:\nfresh\n');
    expect(plyfsAsUser(['umount', 'mnt'], box.dir).status).toBe(0);
    expect(plyfsAsUser(['-o', box.options, 'mnt'], box.dir).status).toBe(0);
    expect(shell(listing).stdout).toBe(before);
  });

  it('shows two files if a bind mount shows a lower file at a second path', () => {
    mkdirSync(box.at('base/bound'));
    expect(run('mount', ['--bind', box.at('base/dir'), box.at('base/bound')]).status).toBe(0);
    try {
      expect(plyfsAsUser(['-o', box.options, 'mnt'], box.dir).status).toBe(0);
      const numbers = (): number[] =>
        ['dir/low', 'bound/low'].map((name) => {
          const shown = shell(`stat -c %i mnt/${name}; ls -i mnt/${dirname(name)}`).stdout;
          const [, ino, listed] = /^(\d+)\n(?:.*\n)*?\s*(\d+) low$/m.exec(shown) ?? [];
          expect(listed, name).toBe(ino);
          return Number(ino);
        });
      const before = numbers();
      expect(before[0]).not.toBe(before[1]);
      expect(shell('echo more >> mnt/dir/low; cat mnt/dir/low mnt/bound/low').stdout).toBe('low\nmore\nlow\n');
      expect(numbers()).toEqual(before);
      expect(shell('diff -q mnt/dir/low mnt/bound/low').status).toBe(1);
      expect(plyfsAsUser(['umount', 'mnt'], box.dir).status).toBe(0);
      expect(plyfsAsUser(['-o', box.options, 'mnt'], box.dir).status).toBe(0);
      expect(numbers()).toEqual(before);
      expect(plyfsAsUser(['umount', 'mnt'], box.dir).status).toBe(0);
    } finally {
      run('umount', ['-l', box.mountpoint]);
      run('umount', ['-l', box.at('base/bound')]);
    }
  });

  it('shows the same inode numbers at the next mount for copies that kept their names', () => {
    const numbers = 'stat -c %i mnt/dir mnt/dir/low; ls -i mnt/dir';
    expect(plyfsAsUser(['-o', box.options, 'mnt'], box.dir).status).toBe(0);
    const before = shell(numbers).stdout;
    expect(shell('echo more >> mnt/dir/low').stderr).toBe('');
    for (const _again of [1, 2]) {
      expect(shell(numbers).stdout).toBe(before);
      expect(plyfsAsUser(['umount', 'mnt'], box.dir).status).toBe(0);
      expect(plyfsAsUser(['-o', box.options, 'mnt'], box.dir).status).toBe(0);
    }
    expect(shell(numbers).stdout).toBe(before);
  });

  it('works with directories without owner permissions, like a plain directory', async () => {
    const home = 'base/own';
    expect(shell(`mkdir -p ${home}/ro ${home}/wx ${home}/gone; echo low > ${home}/ro/f`).status).toBe(0);
    expect(shell(`chmod 555 ${home}/ro; chmod 300 ${home}/wx`).status).toBe(0);
    expect(plyfsAsUser(['-o', box.options, 'mnt'], box.dir).status).toBe(0);
    const changes = [
      'chmod 600 ro/f; echo more >> ro/f; cat ro/f',
      'chmod 755 ro; touch ro wx/f',
      'rmdir gone; mkdir -m 555 gone; rmdir gone',
      'mkdir -m 300 new; touch new/f; rm new/f; chmod 700 new; rmdir new',
    ];
    for (const change of changes) expect(shell(`cd mnt/own; ${change}`)).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync(box.at('up/own/ro/f'), 'utf8')).toBe('low\nmore\n');
    expect(plyfsAsUser(['umount', 'mnt'], box.dir).status).toBe(0);
    await waitFor(() => box.daemon() === undefined, 'the daemon to end');
    expect(readdirSync(box.at('work/work'))).toEqual([]);
  });

  it.each([
    ['upper', 'up'],
    ['merged', 'up base'],
  ])('removes an empty directory (%s) that it cannot list, like a plain directory', async (_, layers) => {
    const mounted = (script: string): Outcome => {
      expect(plyfsAsUser(['-o', box.options, 'mnt'], box.dir).status).toBe(0);
      const outcome = shell(script);
      expect(plyfsAsUser(['umount', 'mnt'], box.dir).status).toBe(0);
      return outcome;
    };
    for (const mode of ['300', '100', '0']) {
      const dir = `mnt/own${mode}`;
      const made = shell(`for layer in ${layers}; do mkdir $layer/own${mode}; touch $layer/own${mode}/f; done`);
      expect(made).toMatchObject({ status: 0, stderr: '' });
      expect(shell(`chmod ${mode} up/own${mode}`).status).toBe(0);
      const full = mounted(
        `! rmdir ${dir}; ! ls ${dir}; stat -c %a ${dir}; chmod 700 ${dir}; rm ${dir}/f; chmod ${mode} ${dir}`,
      );
      expect(full.stderr).toMatch(/^rmdir: .*Directory not empty\nls: .*Permission denied\n$/);
      expect(full).toMatchObject({ status: 0, stdout: `${mode}\n` });
      expect(mounted(`rmdir ${dir}; ! test -e ${dir}`)).toMatchObject({ status: 0, stderr: '' });
    }
    await waitFor(() => box.daemon() === undefined, 'the daemon to end');
    expect(readdirSync(box.at('work/work'))).toEqual([]);
  });

  it('prints the message of fusermount3 if fusermount3 refuses', () => {
    const outcome = plyfsAsUser(['-o', `${box.options},allow_other`, 'mnt'], box.dir);
    expect(outcome.status).toBe(1);
    expect(outcome.stderr).toMatch(/^plyfs: [^\n]*fusermount3: option allow_other only allowed if[^\n]*\n$/);
    expect(box.isMounted()).toBe(false);
  });
});

describe.skipIf(unavailable !== null)(`an ordinary user without access ${unavailable ?? ''}`, () => {
  it('gets a message that names the missing access, and nothing is mounted or made', () => {
    const box = prepare();
    try {
      const { status, stderr } = run('unshare', [
        '-m',
        'sh',
        '-c',
        `cd "${box.dir}"; mount -t tmpfs tmpfs /dev; mknod -m 600 /dev/fuse c 10 229; mknod -m 666 /dev/null c 1 3;
         exec setpriv --reuid plyfs-test --regid plyfs-test --clear-groups -- "${PLYFS}" -o "${box.options}" mnt`,
      ]);
      expect(stderr).toBe(
        'plyfs: mount: /dev/fuse: permission denied (EACCES); this user needs read and write access to /dev/fuse\n',
      );
      expect(status).toBe(1);
      expect(readdirSync(box.at('work'))).toEqual([]);
    } finally {
      box.dispose();
    }
  });
});

const noNamespaces = userNamespacesUnavailable();

describe.skipIf(noNamespaces !== null)(`root in a user namespace ${noNamespaces ?? ''}`, () => {
  let box: Sandbox;
  let closeDevice: () => void;
  beforeAll(() => {
    closeDevice = openFuseDevice();
  });
  afterAll(() => closeDevice());
  beforeEach(() => {
    box = prepare();
  });
  afterEach(() => box.dispose());

  /**
   * Runs a script in a namespace where the union is mounted. The script must unmount, because the daemon
   * keeps the namespace alive.
   */
  function inNamespace(script: string): Outcome {
    return runAsUser(['unshare', '-Urm', 'sh', '-ec', `"${PLYFS}" -o "${box.options}" mnt\n${script}`], box.dir);
  }

  it('mounts without a helper, for all users of the namespace', () => {
    const { status, stdout, stderr } = inNamespace(
      'grep fuse.plyfs /proc/self/mountinfo; cat mnt/from-base; umount mnt',
    );
    expect(stderr).toBe('');
    expect(stdout).toMatch(/allow_other[\s\S]*base\n/);
    expect(status).toBe(0);
  });

  it('writes whiteouts as devices 0:0 and opaque marks as user.overlay.opaque', () => {
    const outcome = inNamespace('rm mnt/from-top; rm -r mnt/dir; mkdir mnt/dir; echo > mnt/dir/fresh; umount mnt');
    expect(outcome).toEqual({ status: 0, stdout: '', stderr: '' });
    const whiteout = lstatSync(box.at('up/from-top'));
    expect(whiteout.isCharacterDevice()).toBe(true);
    expect(whiteout.rdev).toBe(0);
    const { stdout } = run('getfattr', ['-d', '-m', '-', box.at('up/dir')]);
    expect(stdout).toContain('user.overlay.opaque="y"');
    expect(stdout).not.toContain('trusted.');
    expect(readdirSync(box.at('up/dir'))).toEqual(['fresh']);
  });

  it("the kernel's overlayfs can mount the upper", () => {
    expect(inNamespace('rm mnt/from-top; rm -r mnt/dir; mkdir mnt/dir; echo > mnt/dir/fresh; umount mnt').stderr).toBe(
      '',
    );
    const mounted = runAsUser(
      ['unshare', '-Urm', 'sh', '-ec', `mount -t overlay overlay -o "${box.options},userxattr" mnt; ls mnt mnt/dir`],
      box.dir,
    );
    expect(mounted).toEqual({ status: 0, stdout: 'mnt:\ndir\nfrom-base\n\nmnt/dir:\nfresh\n', stderr: '' });
  });
});
