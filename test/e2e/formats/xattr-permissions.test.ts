/**
 * Owners, modes and types in xattrs: the attributes that `xattr_permissions` writes, and layers of container
 * tools and of fuse-overlayfs with such attributes. The conformance suite tests the rest of such a mount (its
 * target `overrides`).
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type ForegroundMount,
  mountForeground,
  mountPlyfs,
  mountsUnavailable,
  overlayOptions,
  PLYFS,
  unmount,
  unmountLayers,
} from '../../harness/mounts.js';
import { makeLayerDirs, makeScratch, removeScratch, type WritableLayerDirs } from '../../harness/scratch.js';
import * as sys from '../../harness/sys/index.js';

const OVERRIDE = 'user.containers.override_stat';
const unavailable = mountsUnavailable();
const noPeer = spawnSync('fuse-overlayfs', ['--version']).status === 0 ? '' : ': fuse-overlayfs is missing';

describe.skipIf(unavailable !== null)(`owners and modes in xattrs ${unavailable ?? ''}`, () => {
  let base: string;
  let dirs: WritableLayerDirs;
  let top: string;
  beforeEach(() => {
    base = makeScratch('overrides');
    dirs = makeLayerDirs(base);
    top = dirs.lowers[0] as string;
  });
  afterEach(() => {
    unmount(dirs.mountpoint);
    removeScratch(base);
  });

  const at = (name: string): string => join(dirs.mountpoint, name);
  const mark = (path: string, value: string): void => sys.setxattr(path, OVERRIDE, value);
  const marked = (path: string): string => sys.getxattr(path, OVERRIDE).toString();
  const mounted = (...options: string[]): void => void mountPlyfs(dirs, options);

  /** Returns `TYPE MODE UID:GID`, and the numbers of a device. */
  function facts(path: string): string {
    const format = '%F %a %u:%g %t,%T';
    return spawnSync('stat', ['-c', format, path], { encoding: 'utf8' }).stdout.trim().replace(/ 0,0$/, '');
  }

  function listed(path: string): Record<string, string> {
    return Object.fromEntries(readdirSync(path).map((name) => [name, facts(join(path, name))]));
  }

  describe('with xattr_permissions=2', () => {
    it('make the files belong to the server, and keep their owner, mode and type in their xattrs', () => {
      mounted('xattr_permissions=2');
      writeFileSync(at('file'), 'x');
      chownSync(at('file'), 7, 8);
      chmodSync(at('file'), 0o4750);
      sys.mkdir(at('dir'), 0o700);
      chownSync(at('dir'), 1, 2);
      sys.mknod(at('null'), sys.S_IFCHR | 0o644, 0x103);
      sys.mknod(at('pipe'), sys.S_IFIFO | 0o600, 0);
      const shown = {
        dir: 'directory 700 1:2',
        file: 'regular file 4750 7:8',
        null: 'character special file 644 0:0 1,3',
        pipe: 'fifo 600 0:0',
      };
      expect(listed(dirs.mountpoint)).toMatchObject(shown);
      const onDisk = Object.fromEntries(Object.keys(shown).map((name) => [name, facts(join(dirs.upper, name))]));
      expect(onDisk).toEqual({
        dir: 'directory 755 0:0',
        file: 'regular file 755 0:0',
        null: 'regular empty file 755 0:0',
        pipe: 'regular empty file 755 0:0',
      });
      const recorded = Object.fromEntries(Object.keys(shown).map((name) => [name, marked(join(dirs.upper, name))]));
      expect(recorded).toEqual({
        dir: '1:2:0700:dir',
        file: '7:8:4750:file',
        null: '0:0:0644:char-1-3',
        pipe: '0:0:0600:pipe',
      });
    });

    it('are used by a later mount without the option, and by a mount with the upper as lower layer', () => {
      mounted('xattr_permissions=2');
      writeFileSync(at('file'), 'x');
      chownSync(at('file'), 7, 8);
      unmount(dirs.mountpoint);
      mounted();
      expect(facts(at('file'))).toBe('regular file 644 7:8');
      sys.mkdir(at('later'), 0o711);
      unmount(dirs.mountpoint);
      expect(marked(join(dirs.upper, 'later'))).toBe('0:0:0711:dir');
      mountPlyfs({ ...dirs, lowers: [dirs.upper, ...dirs.lowers], upper: null });
      expect(listed(dirs.mountpoint)).toMatchObject({ file: 'regular file 644 7:8', later: 'directory 711 0:0' });
    });

    it('keep an upper accessible to its owner only', () => {
      chmodSync(dirs.upper, 0o700);
      mounted('xattr_permissions=2');
      writeFileSync(at('file'), 'x', { mode: 0o666 });
      expect(statSync(join(dirs.upper, 'file')).mode & 0o777).toBe(0o700);
    });

    it('preserve the attributes of a copied-up object', () => {
      writeFileSync(join(top, 'file'), 'x', { mode: 0o640 });
      chownSync(join(top, 'file'), 5, 6);
      sys.mknod(join(top, 'pipe'), sys.S_IFIFO | 0o600, 0);
      mounted('xattr_permissions=2');
      writeFileSync(at('file'), 'more', { flag: 'a' });
      sys.utimens(at('pipe'), sys.NOW, sys.NOW);
      expect(listed(dirs.mountpoint)).toMatchObject({ file: 'regular file 640 5:6', pipe: 'fifo 600 0:0' });
      expect(marked(join(dirs.upper, 'file'))).toBe('5:6:0640:file');
      expect(marked(join(dirs.upper, 'pipe'))).toBe('0:0:0600:pipe');
    });

    it('keep capabilities in an attribute that an ordinary user can set', () => {
      mounted('xattr_permissions=2');
      writeFileSync(at('ping'), '', { mode: 0o755 });
      sys.setxattr(at('ping'), 'security.capability', sys.capability());
      expect(sys.listxattr(at('ping'))).toEqual(['security.capability']);
      const stored = join(dirs.upper, 'ping');
      expect(sys.listxattr(stored).sort()).toEqual([`user.containers.override_security.capability`, OVERRIDE]);
      expect(sys.getxattr(stored, 'user.containers.override_security.capability')).toEqual(sys.capability());
      chownSync(at('ping'), 1, 1);
      expect(sys.listxattr(at('ping'))).toEqual([]);
    });

    it('exclude ACLs', () => {
      mounted('xattr_permissions=2');
      writeFileSync(at('file'), '');
      const outcome = sys.outcome(() =>
        sys.setxattr(at('file'), 'system.posix_acl_access', sys.acl('u::r-- user:5:r-- g::--- m::r-- o::---')),
      );
      expect(outcome).toBe('EOPNOTSUPP');
    });

    it('give a symlink its real owner as far as the server can', () => {
      mounted('xattr_permissions=2');
      symlinkSync('nowhere', at('link'));
      sys.lchown(at('link'), 3, 4);
      expect(facts(at('link'))).toBe('symbolic link 777 3:4');
    });
  });

  it('are in a privileged xattr with xattr_permissions=1', () => {
    mounted('xattr_permissions=1');
    writeFileSync(at('file'), 'x', { mode: 0o600 });
    chownSync(at('file'), 7, 8);
    symlinkSync('nowhere', at('link'));
    sys.lchown(at('link'), 3, 4);
    expect(listed(dirs.mountpoint)).toMatchObject({ file: 'regular file 600 7:8', link: 'symbolic link 777 3:4' });
    expect(sys.getxattr(join(dirs.upper, 'file'), 'security.fuseoverlayfs.override_stat').toString()).toBe(
      '7:8:100600',
    );
    expect(facts(join(dirs.upper, 'link'))).toBe('symbolic link 777 0:0');
  });

  it('with xattr_permissions=2 require an upper that is empty or marked, because its owners could have set them', () => {
    writeFileSync(join(dirs.upper, 'su'), '', { mode: 0o755 });
    mark(join(dirs.upper, 'su'), '0:0:4755:file');
    const options = overlayOptions(dirs, ['xattr_permissions=2']);
    const { status, stderr } = spawnSync(PLYFS, ['mount', '-o', options, dirs.mountpoint], { encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stderr).toContain(`upperdir: ${dirs.upper}: has files that were made without xattr_permissions`);
    expect(sys.listxattr(dirs.upper)).toEqual([]);
  });

  describe('in a layer whose root is marked', () => {
    /** One file of each kind in the topmost lower layer. */
    function fill(root = '0:0:0555:dir'): void {
      mark(top, root);
      const entries = {
        plain: null,
        file: '1000:1001:0640:file',
        setuid: '0:0:4755',
        pipe: '0:0:0600:pipe',
        disk: '0:6:0660:block-8-1',
      };
      for (const [name, value] of Object.entries(entries)) {
        writeFileSync(join(top, name), '', { mode: 0o700 });
        if (value !== null) mark(join(top, name), value);
      }
    }

    it('are shown without any option', () => {
      fill();
      mounted();
      expect(facts(dirs.mountpoint)).toMatch(/^directory 755 /);
      expect(listed(dirs.mountpoint)).toEqual({
        plain: 'regular empty file 700 0:0',
        file: 'regular empty file 640 1000:1001',
        setuid: 'regular empty file 4755 0:0',
        pipe: 'fifo 600 0:0',
        disk: 'block special file 660 0:6 8,1',
      });
    });

    it('give the root of the upper the attributes of the root of that layer', () => {
      fill('5:6:0511:dir');
      mounted('xattr_permissions=2');
      expect(facts(dirs.mountpoint)).toBe('directory 511 5:6');
    });

    it('are not expected in another layer without the mark', () => {
      fill();
      const bottom = dirs.lowers[1] as string;
      writeFileSync(join(bottom, 'below'), '', { mode: 0o711 });
      mark(join(bottom, 'below'), '5:5:0777:file');
      mounted();
      expect(facts(at('below'))).toBe('regular empty file 711 0:0');
      // A copy from the unmarked layer has no attribute that a later mount could trust.
      sys.utimens(at('below'), sys.NOW, sys.NOW);
      expect(sys.listxattr(join(dirs.upper, 'below')).filter((name) => name.startsWith('user.'))).toEqual([]);
    });

    it('make an object with an invalid attribute fail with EIO, and no other object', () => {
      fill();
      mark(join(top, 'file'), 'alice:staff:rw-');
      mounted();
      expect(sys.outcome(() => sys.lstat(at('file')))).toBe('EIO');
      expect(readdirSync(dirs.mountpoint).sort()).toEqual(['disk', 'file', 'pipe', 'plain', 'setuid']);
      expect(facts(at('pipe'))).toBe('fifo 600 0:0');
    });

    it('are ignored by root if the layer belongs to an ordinary user, unless an option trusts them', async () => {
      fill();
      chownSync(top, 1000, 1000);
      const mount: ForegroundMount = await mountForeground(dirs);
      try {
        expect(facts(at('setuid'))).toBe('regular empty file 700 0:0');
        expect(mount.log()).toContain(
          `${top}: the attributes in its xattrs (${OVERRIDE}) are not shown, because it belongs to user 1000`,
        );
      } finally {
        mount.unmount();
      }
      mounted('xattr_permissions=2');
      expect(facts(at('setuid'))).toBe('regular empty file 4755 0:0');
    });
  });

  it.each([[[]], [['xattr_permissions=2']]])(
    'cannot be seen in the mount, nor set with an effect (%j)',
    (options: string[]) => {
      mark(top, '0:0:0755:dir');
      writeFileSync(join(top, 'file'), 'x');
      mark(join(top, 'file'), '0:0:0644:file');
      mounted(...options);
      const names = [OVERRIDE, 'security.fuseoverlayfs.override_stat', 'user.fuseoverlayfs.override_stat'];
      for (const name of names) {
        expect(sys.outcome(() => sys.getxattr(at('file'), name))).toBe('ENODATA');
        sys.setxattr(at('file'), name, '0:0:4777:file');
      }
      const check = (): void => {
        expect(sys.listxattr(at('file')).sort()).toEqual([...names].sort());
        expect(facts(at('file'))).toBe('regular file 644 0:0');
      };
      check();
      writeFileSync(at('file'), 'more', { flag: 'a' });
      // When another program takes the layers over, the attributes keep the meaning that they had inside the
      // mount.
      unmount(dirs.mountpoint);
      mounted(...options);
      check();
      expect(sys.listxattr(join(dirs.upper, 'file')).filter((name) => names.includes(name))).toEqual(
        options.length === 0 ? [] : [OVERRIDE],
      );
      unmount(dirs.mountpoint);
      // Mount the upper as a lower layer.
      mountPlyfs({ ...dirs, lowers: [dirs.upper, ...dirs.lowers], upper: null });
      check();
    },
  );

  it.skipIf(noPeer !== '')(`of fuse-overlayfs can be kept on a mount of plyfs${noPeer}`, async () => {
    mounted();
    const nested = makeLayerDirs(join(dirs.mountpoint));
    const [top] = nested.lowers as [string, string];
    for (const name of ['gone', 'again']) {
      mkdirSync(join(top, name));
      writeFileSync(join(top, name, 'low'), '');
    }
    const peer = (): void => {
      const options = overlayOptions(nested, ['xattr_permissions=2']);
      expect(spawnSync('fuse-overlayfs', ['-o', options, nested.mountpoint]).status).toBe(0);
    };
    peer();
    try {
      const inside = (name: string): string => join(nested.mountpoint, name);
      writeFileSync(inside('file'), 'x');
      chmodSync(inside('file'), 0o640);
      chownSync(inside('file'), 7, 8);
      expect(facts(inside('file'))).toBe('regular file 640 7:8');
      for (const name of ['gone', 'again']) rmSync(inside(name), { recursive: true });
      mkdirSync(inside('again'));
      unmount(nested.mountpoint);
      expect(facts(join(nested.upper as string, 'file'))).toMatch(/^regular file \d+ 0:0$/);
      await unmountLayers(dirs.mountpoint);
      mounted();
      peer();
      expect(facts(inside('file'))).toBe('regular file 640 7:8');
      expect([readdirSync(nested.mountpoint).sort(), readdirSync(inside('again'))]).toEqual([['again', 'file'], []]);
    } finally {
      unmount(nested.mountpoint);
      await unmountLayers(dirs.mountpoint);
    }
  });

  it.skipIf(noPeer !== '').each([1, 2])(
    `are shown if fuse-overlayfs has written them with xattr_permissions=%i${noPeer}`,
    (kind) => {
      const options = overlayOptions(dirs, [`xattr_permissions=${kind}`]);
      expect(spawnSync('fuse-overlayfs', ['-o', options, dirs.mountpoint]).status).toBe(0);
      writeFileSync(at('file'), 'x');
      mkdirSync(at('dir'));
      // This order is needed: fuse-overlayfs 1.10 mostly ignores a mode given with open(2), and forgets an
      // owner at the next chmod(2).
      chmodSync(at('file'), 0o640);
      chownSync(at('file'), 7, 8);
      chmodSync(at('dir'), 0o2700);
      chownSync(at('dir'), 1, 2);
      const wanted = listed(dirs.mountpoint);
      expect(wanted).toMatchObject({ dir: 'directory 2700 1:2', file: 'regular file 640 7:8' });
      unmount(dirs.mountpoint);
      mountPlyfs({ ...dirs, lowers: [dirs.upper, ...dirs.lowers], upper: null });
      expect(listed(dirs.mountpoint)).toEqual(wanted);
      unmount(dirs.mountpoint);
      mounted();
      expect(listed(dirs.mountpoint)).toEqual(wanted);
      chmodSync(at('file'), 0o600);
      expect(facts(at('file'))).toBe('regular file 600 7:8');
      writeFileSync(at('made'), 'x');
      // It ignores `security.` xattrs of a fifo.
      if (kind === 2) sys.mknod(at('pipe'), sys.S_IFIFO | 0o600, 0);
      const left = listed(dirs.mountpoint);
      unmount(dirs.mountpoint);
      expect(spawnSync('fuse-overlayfs', ['-o', options, dirs.mountpoint]).status).toBe(0);
      expect(listed(dirs.mountpoint)).toEqual(left);
    },
  );

  it('are refused in one line if the upper cannot have such xattrs', () => {
    const ram = join(base, 'ram');
    mkdirSync(ram);
    expect(spawnSync('mount', ['-t', 'ramfs', 'ramfs', ram]).status).toBe(0);
    try {
      for (const name of ['upper', 'work']) mkdirSync(join(ram, name));
      const layers = { ...dirs, upper: join(ram, 'upper'), work: join(ram, 'work') };
      const options = overlayOptions(layers, ['xattr_permissions=2']);
      const { status, stderr } = spawnSync(PLYFS, ['mount', '-o', options, dirs.mountpoint], { encoding: 'utf8' });
      expect(status).not.toBe(0);
      expect(stderr).toBe(
        `plyfs: upperdir: ${layers.upper}: cannot keep owners and modes in xattrs: setting ${OVERRIDE} failed (EOPNOTSUPP); xattr_permissions=2 takes a file system with user xattrs, and an upperdir that is yours\n`,
      );
    } finally {
      unmount(ram);
    }
  });
});
