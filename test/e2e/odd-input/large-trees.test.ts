/**
 * Trees that are wide, deep or have large attributes: the server serves all of them with a bounded number of
 * open files.
 */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  aufsArguments,
  kernelOverlayUnavailable,
  type Mounted,
  mountAufs,
  mountForeground,
  mountKernel,
  mountPlyfs,
  mountsUnavailable,
  overlayOptions,
  PLYFS,
} from '../../harness/mounts.js';
import { makeLayerDirs, makeScratch, removeScratch, type WritableLayerDirs } from '../../harness/scratch.js';
import * as sys from '../../harness/sys/index.js';

const unavailable = mountsUnavailable();
const VOLATILE = ['volatile'];

const MOUNTS: Readonly<Record<string, (layers: WritableLayerDirs) => Mounted>> = {
  "the kernel's overlayfs": mountKernel,
  plyfs: (layers) => mountPlyfs(layers, VOLATILE),
  'plyfs aufs': (layers) => mountAufs(layers, VOLATILE),
};
/** The limit of open files of the server: fewer than the tree has levels. */
const OPEN_FILES = 700;
const LIMITED = ['prlimit', `--nofile=${OPEN_FILES}:${OPEN_FILES}`, PLYFS] as const;
const FOREGROUND: Readonly<Record<string, (layers: WritableLayerDirs) => string[]>> = {
  plyfs: (layers) => ['-o', overlayOptions(layers, VOLATILE)],
  'plyfs aufs': (layers) => aufsArguments(layers, VOLATILE),
};

describe.skipIf(unavailable !== null)(`large trees${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  let base: string;
  /** A directory in memory, because the tests are about the union and not about a disk. */
  let memory: string;
  beforeEach(() => {
    base = makeScratch('large-trees');
    memory = join(base, 'memory');
    mkdirSync(memory);
    const options = 'size=1g,nr_inodes=600k,mode=755';
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', memory]).status).toBe(0);
  });
  afterEach(() => {
    spawnSync('umount', ['-l', memory]);
    removeScratch(base);
  });

  /** Makes layers in memory. Several mounts share the lower ones, each with its own upper. */
  function layersFor(name: string, shared: string): WritableLayerDirs {
    const at = join(memory, name);
    mkdirSync(at);
    const layers = makeLayerDirs(at);
    return { ...layers, lowers: [join(shared, 'lower1'), join(shared, 'lower2'), join(shared, 'lower3')] };
  }

  function sharedLowers(): string {
    const shared = join(memory, 'shared');
    mkdirSync(shared);
    makeLayerDirs(shared);
    return shared;
  }

  it('can have 100,000 entries in a directory of which two layers have a part', () => {
    const EACH = 60_000;
    const BOTH = 20_000;
    const shared = sharedLowers();
    for (const layer of ['lower1', 'lower2']) sys.mkdir(join(shared, layer, 'wide'));
    for (let i = 0; i < EACH; i++) {
      sys.mknod(join(shared, 'lower1', 'wide', `entry-number-${i}`), sys.S_IFREG | 0o644);
      sys.mknod(join(shared, 'lower2', 'wide', `entry-number-${i + EACH - BOTH}`), sys.S_IFREG | 0o600);
    }
    const all = Array.from({ length: 2 * EACH - BOTH }, (_, i) => `entry-number-${i}`).sort();
    for (const [name, mount] of Object.entries(MOUNTS)) {
      if (name.startsWith('the kernel') && kernelOverlayUnavailable() !== null) continue;
      const mounted = mount(layersFor(name.replaceAll(/\W/g, '-'), shared));
      try {
        const wide = join(mounted.mountpoint, 'wide');
        expect(sys.listNames(wide).sort()).toEqual(all);
        expect(sys.lstat(join(wide, `entry-number-${EACH - 1}`)).mode & 0o777).toBe(0o644);
        expect(sys.lstat(join(wide, `entry-number-${2 * EACH - BOTH - 1}`)).mode & 0o777).toBe(0o600);
        for (let i = 0; i < 100; i++) {
          sys.unlink(join(wide, `entry-number-${i * 1000}`));
          sys.writeFile(join(wide, `new-${i}`), '');
        }
        const after = sys.listNames(wide);
        expect(new Set(after).size).toBe(after.length);
        expect(after.length).toBe(all.length);
        expect(after.filter((entry) => entry.startsWith('new-'))).toHaveLength(100);
      } finally {
        mounted.unmount();
      }
    }
  });

  it.each(Object.keys(FOREGROUND))('can have 1,000 levels of directories, on %s', async (name) => {
    const LEVELS = 1000;
    const shared = sharedLowers();
    /** Calls `visit` with an fd of each directory from the top down. No path can be so long. */
    const walk = (root: string, visit: (fd: number, level: number) => void): void => {
      let fd = sys.open(root, sys.O_RDONLY | sys.O_DIRECTORY);
      for (let level = 0; level < LEVELS; level++) {
        visit(fd, level);
        const inner = sys.open('deep', sys.O_RDONLY | sys.O_DIRECTORY, 0, fd);
        sys.close(fd);
        fd = inner;
      }
      visit(fd, LEVELS);
      sys.close(fd);
    };
    const viaFd = (fd: number, path: string): string => `/proc/self/fd/${fd}/${path}`;
    walk(join(shared, 'lower1'), (fd, level) => {
      if (level < LEVELS) sys.mkdir(viaFd(fd, 'deep'));
      else sys.writeFile(viaFd(fd, 'bottom'), 'at the bottom');
    });
    const layers = layersFor('mount', shared);
    const args = (FOREGROUND[name] as (layers: WritableLayerDirs) => string[])(layers);
    const mounted = await mountForeground(layers, [], args, LIMITED);
    try {
      const { mountpoint } = mounted;
      walk(mountpoint, (fd, level) => {
        expect(
          sys
            .getdentsToEnd(fd)
            .map(({ name }) => name)
            .sort(),
        ).toEqual(['.', '..', level < LEVELS ? 'deep' : 'bottom']);
        if (level === LEVELS) {
          expect(sys.readFile(viaFd(fd, 'bottom'))).toBe('at the bottom');
          const bottom = sys.open(viaFd(fd, 'bottom'), sys.O_WRONLY | sys.O_APPEND);
          sys.write(bottom, ', changed');
          sys.close(bottom);
          sys.writeFile(viaFd(fd, 'new'), 'new');
        }
      });
      walk(join(layers.upper), (fd, level) => {
        if (level === LEVELS) expect(sys.readFile(viaFd(fd, 'bottom'))).toBe('at the bottom, changed');
      });
      expect(spawnSync('rm', ['-rf', join(mountpoint, 'deep')]).status).toBe(0);
      expect(sys.listNames(mountpoint)).toEqual([]);
      sys.mkdir(join(mountpoint, 'deep'));
      expect(sys.listNames(join(mountpoint, 'deep'))).toEqual([]);
    } finally {
      mounted.unmount();
      if (mounted.server.exitCode === null) await once(mounted.server, 'exit');
    }
  });

  it('can have many xattrs, and xattrs of 64 KiB', () => {
    const shared = sharedLowers();
    const value = Buffer.alloc(65_536, 'v');
    const names = Array.from({ length: 200 }, (_, i) => `user.name-of-an-attribute-${i}`).sort();
    const make = (path: string): void => {
      sys.writeFile(path, 'x');
      sys.setxattr(path, 'trusted.large', value);
      for (const name of names) sys.setxattr(path, name, name);
    };
    const check = (path: string): void => {
      expect(sys.getxattr(path, 'trusted.large').equals(value)).toBe(true);
      expect(sys.xattrSize(path, 'trusted.large')).toBe(65_536);
      expect(sys.outcome(() => sys.getxattr(path, 'trusted.large', 65_535))).toBe('ERANGE');
      expect(sys.listxattr(path)).toEqual(['trusted.large', ...names].sort());
      for (const name of names) expect(sys.getxattr(path, name).toString()).toBe(name);
    };
    make(join(shared, 'lower1', 'carries-much'));
    for (const [name, mount] of Object.entries(MOUNTS)) {
      if (name.startsWith('the kernel') && kernelOverlayUnavailable() !== null) continue;
      const mounted = mount(layersFor(name.replaceAll(/\W/g, '-'), shared));
      try {
        const path = join(mounted.mountpoint, 'carries-much');
        check(path);
        sys.chmod(path, 0o600);
        check(path);
        make(join(mounted.mountpoint, 'made'));
        check(join(mounted.mountpoint, 'made'));
        const tooLarge = Buffer.alloc(65_537);
        expect(sys.outcome(() => sys.setxattr(path, 'trusted.larger', tooLarge))).toBe('E2BIG');
      } finally {
        mounted.unmount();
      }
    }
  });

  const noKernel = kernelOverlayUnavailable();
  it.skipIf(noKernel !== null)(
    `can have inode numbers and sizes of more than 53 bits${noKernel === null ? '' : `: ${noKernel}`}`,
    () => {
      const { lower1, lower2, merged } = {
        lower1: join(base, 'one'),
        lower2: join(memory, 'two'),
        merged: join(base, 'xino'),
      };
      for (const dir of [lower1, lower2, merged]) sys.mkdir(dir);
      for (const word of ['a', 'b', 'c', 'd']) {
        sys.writeFile(join(lower1, word), word);
        sys.link(join(lower1, word), join(lower1, `${word} linked`));
      }
      sys.writeFile(join(lower2, 'too-large'), '');
      sys.truncate(join(lower2, 'too-large'), 2 ** 60);
      const options = `lowerdir=${lower2}:${lower1},xino=on`;
      const kernel = spawnSync('mount', ['-t', 'overlay', 'overlay', '-o', options, merged], { encoding: 'utf8' });
      expect(kernel.stderr).toBe('');
      const layers = { ...makeLayerDirs(base), lowers: [merged, join(base, 'lower1')] };
      const mounted = mountPlyfs(layers, VOLATILE);
      try {
        expect(sys.lstat(join(merged, 'a')).ino).toBeGreaterThan(2 ** 53);
        const shown = ['a', 'b', 'c', 'd'].map((word) => sys.lstat(join(mounted.mountpoint, word)).ino);
        expect(new Set(shown).size).toBe(4);
        const linked = ['a', 'b', 'c', 'd'].map((word) => sys.lstat(join(mounted.mountpoint, `${word} linked`)).ino);
        expect(linked).toEqual(shown);
        // EOVERFLOW instead of a wrong size.
        expect(sys.outcome(() => sys.lstat(join(mounted.mountpoint, 'too-large')))).toBe('EOVERFLOW');
        expect(sys.listNames(mounted.mountpoint)).toEqual(sys.listNames(merged));
      } finally {
        mounted.unmount();
        spawnSync('umount', [merged]);
      }
    },
  );
});
