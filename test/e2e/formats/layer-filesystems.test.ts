/**
 * Layers on file systems that lack a feature, or report attributes that others do not report: plyfs must
 * behave over them as the kernel's overlayfs does. `npm run conformance -- --filesystems` runs all
 * conformance cases over all file systems.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileStat } from '../../../src/core/file-stat.js';
import { statAt } from '../../../src/sys/files/stat.js';
import { clearForeignProtection, flagsByOpening } from '../../../src/sys/rights/own-protection.js';
import { materialize } from '../../conformance/materialize.js';
import { dir, file, opaqueDir, special, symlink, type Tree } from '../../conformance/tree.js';
import { fileSystem, type MountedFileSystem } from '../../harness/filesystems.js';
import {
  kernelOverlayUnavailable,
  type Mounted,
  mountAufs,
  mountKernel,
  mountPlyfs,
  mountsUnavailable,
  PLYFS,
} from '../../harness/mounts.js';
import {
  type LayerDirs,
  makeLayerDirs,
  makeScratch,
  removeScratch,
  type WritableLayerDirs,
} from '../../harness/scratch.js';
import { snapshot } from '../../harness/snapshot.js';
import * as sys from '../../harness/sys/index.js';

const unavailable = mountsUnavailable() ?? kernelOverlayUnavailable();

const UNIONS: readonly (readonly [string, (layers: LayerDirs) => Mounted])[] = [
  ['the kernel', (layers) => mountKernel(layers)],
  ['plyfs', (layers) => mountPlyfs(layers)],
  ['plyfs with features', (layers) => mountPlyfs(layers, ['redirect_dir=on', 'metacopy=on', 'index=on'])],
  ['plyfs in the aufs dialect', (layers) => mountAufs(layers)],
  ['plyfs with xattr_permissions', (layers) => mountPlyfs(layers, ['xattr_permissions=2'])],
];

describe.skipIf(unavailable !== null)(`layers on other file systems ${unavailable ?? ''}`, () => {
  let base: string;
  let layers: WritableLayerDirs;
  let skip: (why: string) => void;
  /** The mounts, which are unmounted in reverse order. */
  let mounted: (Mounted | Pick<MountedFileSystem, 'unmount'>)[];

  beforeEach((test) => {
    skip = test.skip;
    base = makeScratch('filesystems');
    layers = makeLayerDirs(base);
    mounted = [];
  });
  afterEach(async () => {
    for (const each of mounted.reverse()) await each.unmount();
    removeScratch(base);
  });

  /** Mounts a file system of this type with the content of the directory `content`, and returns its root. */
  function showDirectory(name: string, content: string): string {
    const system = fileSystem(name);
    const why = system.unavailable();
    if (why !== null) skip(`${name}: ${why}`);
    const at = join(base, `on ${name}`);
    mkdirSync(at);
    const layers = system.mount(content, at);
    mounted.push(layers);
    return layers.root;
  }

  function show(name: string, tree: Tree): string {
    const content = join(base, `content of ${name}`);
    mkdirSync(content);
    materialize(content, tree);
    return showDirectory(name, content);
  }

  /** Mounts a union of this lower layer and an empty upper, and returns its root. */
  function mountOver(lower: string, mount: (layers: LayerDirs) => Mounted): string {
    mounted.push(mount({ ...layers, lowers: [lower] }));
    return layers.mountpoint;
  }

  describe('a file system that reports all of its objects as immutable', () => {
    const TREE: Tree = {
      f: 'content',
      g: 'content',
      l: symlink('f'),
      p: special(sys.S_IFIFO),
      c: special(sys.S_IFCHR, 256 + 3),
      d: dir({ x: 'x', y: 'y', s: dir({ z: 'z' }) }),
      gone: dir({ x: 'x', s: dir({ z: 'z' }) }),
    };

    function changeAll(root: string): void {
      sys.writeFile(`${root}/f`, 'written');
      sys.chmod(`${root}/g`, 0o600);
      sys.setxattr(`${root}/g`, 'trusted.note', '1');
      sys.link(`${root}/g`, `${root}/linked`);
      sys.lchown(`${root}/l`, 7, 7);
      sys.rename(`${root}/l`, `${root}/moved`);
      sys.chmod(`${root}/p`, 0o600);
      sys.unlink(`${root}/c`);
      sys.writeFile(`${root}/d/new`, 'new');
      sys.mkdir(`${root}/d/s/made`);
      sys.unlink(`${root}/d/x`);
      sys.rename(`${root}/d/y`, `${root}/d/s/y`);
      sys.chmod(`${root}/d`, 0o700);
      expect(spawnSync('rm', ['-r', `${root}/gone`]).status).toBe(0);
    }

    /** Expects that no copied-up object has a protecting flag in the upper. */
    function expectUnprotected(root: string): void {
      for (const facts of Object.values(snapshot(layers.upper))) expect(facts).not.toContain('protattr');
      sys.writeFile(`${root}/f`, 'written again');
      expect(sys.readFile(`${root}/f`)).toBe('written again');
    }

    it.each(UNIONS)('can be changed through %s', (_, mount) => {
      const root = mountOver(show('erofs', TREE), mount);
      changeAll(root);
      expectUnprotected(root);
    });

    it.each(UNIONS)(
      "can be changed through %s also below the kernel's overlayfs, but not what is immutable there itself",
      (_, mount) => {
        const packed = show('erofs', TREE);
        const [lower1] = layers.lowers as [string];
        materialize(lower1, { kept: 'kept', d: dir({ kept: dir() }) });
        expect(spawnSync('chattr', ['+i', `${lower1}/kept`, `${lower1}/d/kept`]).status).toBe(0);
        const between = makeLayerDirs(mkdir(join(base, 'between')));
        mounted.push(mountKernel({ ...between, lowers: [lower1, packed] }));
        const root = mountOver(between.mountpoint, mount);
        changeAll(root);
        expectUnprotected(root);
        expect(sys.outcome(() => sys.writeFile(`${root}/kept`, 'changed'))).toBe('EPERM');
        expect(sys.outcome(() => sys.unlink(`${root}/kept`))).toBe('EPERM');
        expect(sys.outcome(() => sys.mkdir(`${root}/d/kept/new`))).toBe('EPERM');
      },
    );

    it('can be below an upper on another overlay: each open for writing succeeds', () => {
      const outside = showDirectory('overlay', show('erofs', { upper: dir({ f: 'content' }), work: dir() }));
      mounted.push(mountPlyfs({ ...layers, upper: `${outside}/upper`, work: `${outside}/work` }));
      const fds = [1, 2].map(() => sys.open(`${layers.mountpoint}/f`, sys.O_RDWR));
      for (const fd of fds) sys.close(fd);
    });

    it('can be converted, directly and through an overlay', () => {
      const packed = show('erofs', TREE);
      for (const [i, lower] of [packed, showDirectory('overlay', packed)].entries()) {
        const to = join(base, `converted ${i}`);
        const done = spawnSync(PLYFS, ['convert', '--from', 'aufs', '--to', 'overlay', lower, to], {
          encoding: 'utf8',
        });
        expect(done).toMatchObject({ status: 0, stderr: '' });
        expect(snapshot(to)).toEqual(snapshot(lower));
      }
    });

    it('is distinguished from one with real flags also by a kernel that returns flags of open objects only', () => {
      const packed = show('erofs', TREE);
      const real = makeScratch('flags');
      mounted.push({ unmount: async () => removeScratch(real) });
      materialize(real, { kept: 'kept', free: 'free', d: dir() });
      expect(spawnSync('chattr', ['+i', `${real}/kept`]).status).toBe(0);
      expect(spawnSync('chattr', ['+a', `${real}/d`]).status).toBe(0);
      const told = (root: string, names: readonly string[]): number[] => {
        const fd = sys.open(root, sys.O_RDONLY);
        const stat = new FileStat();
        const flags = names.flatMap((name) => {
          statAt(fd, name, stat);
          const opened = flagsByOpening(fd, name, stat) & stat.protection;
          clearForeignProtection(fd, name, stat);
          return [opened, stat.protection];
        });
        sys.close(fd);
        return flags;
      };
      expect(told(packed, ['f', 'l', 'p', 'c', 'd'])).toEqual(Array(10).fill(0));
      const { FS_APPEND_FL, FS_IMMUTABLE_FL } = sys;
      expect(told(real, ['kept', 'free', 'd'])).toEqual(
        [FS_IMMUTABLE_FL, 0, FS_APPEND_FL].flatMap((flags) => [flags, flags]),
      );
    });
  });

  describe('a file system without ACLs', () => {
    const TREE: Tree = {
      f: file('content', { mode: 0o644 }),
      g: file('content', { mode: 0o640, gid: sys.STAFF }),
      h: 'content',
      d: dir({ x: 'x' }),
      drop: dir({}, { mode: 0o777 }),
    };
    const WITHOUT_ACLS = [
      ['squashfs', UNIONS],
      ['ramfs', UNIONS.slice(0, 2)],
      ['btrfs noacl', UNIONS.slice(0, 2)],
    ] as const;
    const ACL = sys.acl('u::rw- user:61002:rw- g::r-- m::rw- o::r--');

    const asAlice = (body: () => unknown): string => sys.outcome(() => sys.asUser(sys.ALICE, sys.STAFF, body));
    const aclOf = (path: string, name: string): string =>
      sys.outcome(() => sys.getxattr(path, `system.posix_acl_${name}`));
    const list = (path: string): void => sys.close(sys.open(path, sys.O_RDONLY | sys.O_DIRECTORY));

    it.each(WITHOUT_ACLS.flatMap(([name, unions]) => unions.map(([union, mount]) => [name, union, mount] as const)))(
      '(%s) lets other users do what the mode allows, through %s',
      (name, _, mount) => {
        const root = mountOver(show(name, TREE), mount);
        expect(asAlice(() => sys.readFile(`${root}/f`))).toBe('ok');
        expect(asAlice(() => sys.readFile(`${root}/g`))).toBe('ok');
        expect(asAlice(() => list(`${root}/d`))).toBe('ok');
        expect(asAlice(() => sys.readFile(`${root}/d/x`))).toBe('ok');
        expect(asAlice(() => sys.writeFile(`${root}/drop/new`, 'new'))).toBe('ok');
        expect(asAlice(() => sys.writeFile(`${root}/f`, 'written'))).toBe('EACCES');
        expect(asAlice(() => sys.writeFile(`${root}/d/new`, 'new'))).toBe('EACCES');
        expect([aclOf(`${root}/f`, 'access'), aclOf(`${root}/d`, 'access'), aclOf(`${root}/d`, 'default')]).toEqual(
          Array(3).fill('ENODATA'),
        );
      },
    );

    it.each(UNIONS.filter(([union]) => !union.includes('xattr_permissions')))(
      'has none before an object is copied up through %s; the copy can have them',
      (_, mount) => {
        const root = mountOver(show('squashfs', TREE), mount);
        expect(sys.outcome(() => sys.removexattr(`${root}/f`, 'system.posix_acl_access'))).toBe('EOPNOTSUPP');
        expect(sys.outcome(() => sys.lstat(`${layers.upper}/f`))).toBe('ENOENT');
        sys.chmod(`${root}/f`, 0o600);
        sys.setxattr(`${root}/f`, 'system.posix_acl_access', ACL);
        expect(sys.getxattr(`${root}/f`, 'system.posix_acl_access')).toEqual(ACL);
        expect(aclOf(`${root}/g`, 'access')).toBe('ENODATA');
      },
    );

    it('accepts an ACL for a lower object if the upper has ACLs (the kernel only after a copy-up)', () => {
      const root = mountOver(show('squashfs', TREE), mountPlyfs);
      sys.setxattr(`${root}/h`, 'system.posix_acl_access', ACL);
      expect(sys.getxattr(`${root}/h`, 'system.posix_acl_access')).toEqual(ACL);
    });

    it.each(UNIONS.slice(0, 2))('can hold the upper of %s: a refused ACL copies nothing up', (_, mount) => {
      const upperOn = show('ramfs', { upper: dir(), work: dir() });
      materialize(layers.lowers[0] as string, TREE);
      mounted.push(mount({ ...layers, upper: `${upperOn}/upper`, work: `${upperOn}/work` }));
      const { mountpoint: root } = layers;
      const set = (): void => sys.setxattr(`${root}/f`, 'system.posix_acl_access', ACL);
      expect(sys.outcome(set)).toBe('EOPNOTSUPP');
      expect(sys.outcome(() => sys.lstat(`${upperOn}/upper/f`))).toBe('ENOENT');
      sys.writeFile(`${root}/f`, 'written');
      expect([aclOf(`${root}/f`, 'access'), aclOf(`${root}/h`, 'access')]).toEqual(['ENODATA', 'ENODATA']);
      expect(sys.outcome(set)).toBe('EOPNOTSUPP');
      expect(asAlice(() => sys.readFile(`${root}/f`))).toBe('ok');
    });

    it('such as procfs is accessible to all users through plyfs', () => {
      const root = mountOver('/proc/sys', mountPlyfs);
      expect(asAlice(() => list(`${root}/kernel`))).toBe('ok');
      expect(asAlice(() => sys.readFile(`${root}/kernel/ostype`))).toBe('ok');
    });
  });
  describe('an upper without extended attributes', () => {
    const LOWER1: Tree = {
      d: dir({ x: 'x', s: dir({ deep: 'deep' }) }),
      e: dir({ y: 'y' }),
      f: 'file',
      whole: 'whole',
    };
    const LOWER2: Tree = {
      d: dir({ z: 'z', s: dir({ deeper: 'deeper' }) }),
      e: opaqueDir({ x: 'x' }),
      f: dir({ g: 'g' }),
    };
    const LOWER3: Tree = { e: dir({ unseen: 'unseen' }) };

    it.each([
      ['plyfs', []],
      ['plyfs with features', ['redirect_dir=on', 'metacopy=on', 'index=on']],
    ])('lets %s make directories where lower ones were removed', (_, options) => {
      const upperOn = show('ramfs', { upper: dir(), work: dir() });
      for (const [i, tree] of [LOWER1, LOWER2, LOWER3].entries()) materialize(layers.lowers[i] as string, tree);
      const on = { ...layers, upper: `${upperOn}/upper`, work: `${upperOn}/work` };
      const { mountpoint: root } = layers;
      let union = mountPlyfs(on, options);
      mounted.push({ unmount: async () => union.unmount() });
      expect(spawnSync('rm', ['-r', `${root}/d`, `${root}/e`, `${root}/f`]).status).toBe(0);
      for (const name of ['d', 'e', 'f']) sys.mkdir(`${root}/${name}`, 0o750);
      sys.writeFile(`${root}/d/x`, 'new');
      sys.mkdir(`${root}/d/s`);
      sys.mkdir(`${root}/made`);
      sys.writeFile(`${root}/made/in`, 'in');
      // No lower layer has the new name. At another new name, lower names would show.
      sys.rename(`${root}/made`, `${root}/moved`);
      sys.rmdir(`${root}/e`);
      expect(sys.outcome(() => sys.rename(`${root}/moved`, `${root}/e`))).toBe('EXDEV');
      sys.rmdir(`${root}/f`);
      sys.rename(`${root}/moved`, `${root}/f`);
      sys.chmod(`${root}/whole`, 0o600);
      expect(sys.readFile(`${upperOn}/upper/whole`)).toBe('whole');
      const tree = snapshot(root);
      expect(Object.keys(tree).sort()).toEqual(['.', 'd', 'd/s', 'd/x', 'f', 'f/in', 'whole']);
      union.unmount();
      union = mountPlyfs(on, options);
      expect(snapshot(root)).toEqual(tree);
      union.unmount();
      union = mountKernel(on);
      expect(snapshot(root)).toEqual(tree);
    });
  });
});

function mkdir(path: string): string {
  mkdirSync(path);
  return path;
}
