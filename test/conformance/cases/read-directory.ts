import { deepEqual, equal, ok } from 'node:assert/strict';
import * as sys from '../../harness/sys/index.js';
import { type Case, type Context, single } from '../case.js';
import { fails } from '../fails.js';
import { onDirectory } from '../placements.js';
import { dir, type Entry, file, opaqueDir, special, symlink, type Tree, whiteout } from '../tree.js';

const { O_RDONLY } = sys;
const namesOf = (entries: readonly sys.Dirent[]): string[] => entries.map(({ name }) => name).sort();
const ALL = ['.', '..', 'a', 'b', 'c'];
const MANY = Array.from({ length: 400 }, (_, i) => `entry-number-${String(i).padStart(4, '0')}`);

/** 400 files in two layers, each name once in the merged directory. Every tenth is in both layers. */
const manyOver = (take: (i: number) => boolean): Tree =>
  Object.fromEntries(MANY.flatMap((name, i): [string, Entry][] => (take(i) ? [[name, file('')]] : [])));
const MANY_LAYERS = {
  upper: { d: dir(manyOver((i) => i % 2 === 0)) },
  lower1: { d: dir(manyOver((i) => i % 2 === 1 || i % 10 === 0)) },
};
const readAll = (ctx: Context, bytes?: number): sys.Dirent[] => sys.getdentsToEnd(ctx.open('d', O_RDONLY), bytes);

export const readDirectoryCases: readonly Case[] = [
  ...onDirectory({
    id: 'readdir-names',
    operation: 'readdir',
    title: 'a listing has each name once, with . and ..',
    run(ctx) {
      deepEqual(namesOf(readAll(ctx)), ALL);
    },
  }),
  ...onDirectory({
    id: 'readdir-inodes',
    operation: 'readdir',
    title: 'd_ino and d_type of each entry are those of stat',
    run(ctx, path) {
      for (const { name, ino, type } of readAll(ctx)) {
        const stat = sys.lstat(`${path}/${name}`);
        deepEqual([name, ino, type], [name, stat.ino, sys.direntType(stat.mode)]);
      }
    },
  }),
  ...onDirectory({
    id: 'readdir-inodes-after-copy-up',
    operation: 'readdir',
    title: 'd_ino is still that of stat after a write to the file',
    run(ctx, path) {
      const before = new Map(readAll(ctx).map(({ name, ino }) => [name, ino]));
      sys.writeFile(`${path}/c`, 'changed');
      for (const { name, ino } of readAll(ctx)) deepEqual([name, ino], [name, before.get(name)]);
      equal(sys.stat(`${path}/c`).ino, before.get('c'));
    },
  }),
  ...onDirectory({
    id: 'readdir-rewind',
    operation: 'readdir',
    title: 'after a rewind, the listing has new names and no removed ones',
    run(ctx, path) {
      const fd = ctx.open('d', O_RDONLY);
      deepEqual(namesOf(sys.getdentsToEnd(fd)), ALL);
      sys.unlink(`${path}/a`);
      sys.writeFile(`${path}/new`, '');
      sys.lseek(fd, 0, sys.SEEK_SET);
      deepEqual(namesOf(sys.getdentsToEnd(fd)), ['.', '..', 'b', 'c', 'new']);
    },
  }),
  ...onDirectory({
    id: 'readdir-end',
    operation: 'readdir',
    title: 'a read at the end returns nothing, also repeatedly',
    run(ctx) {
      const fd = ctx.open('d', O_RDONLY);
      sys.getdentsToEnd(fd);
      deepEqual([sys.getdents(fd), sys.getdents(fd)], [[], []]);
    },
  }),
  ...onDirectory({
    id: 'readdir-not-directory',
    operation: 'readdir',
    title: 'reading the entries of a file is ENOTDIR',
    run(ctx) {
      fails('ENOTDIR', () => sys.getdents(ctx.open('d/a', O_RDONLY)));
    },
  }),
  single({
    id: 'readdir-many',
    operation: 'readdir',
    placement: 'merged',
    title: 'a listing of 400 names in two layers has each once, with any size of the buffer',
    layers: MANY_LAYERS,
    run(ctx) {
      for (const bytes of [64, 333, 4096, 65_536]) {
        const names = namesOf(readAll(ctx, bytes)).filter((name) => !name.startsWith('.'));
        deepEqual(names, MANY);
      }
    },
  }),
  single({
    id: 'readdir-seek',
    operation: 'readdir',
    placement: 'merged',
    title: 'a listing continues from the offset of each entry',
    layers: MANY_LAYERS,
    run(ctx) {
      const fd = ctx.open('d', O_RDONLY);
      const all = sys.getdentsToEnd(fd);
      for (const at of [0, 1, 5, 199, 200, 398, 401]) {
        sys.lseek(fd, (all[at] as sys.Dirent).offset, sys.SEEK_SET);
        deepEqual(
          sys.getdentsToEnd(fd).map(({ name }) => name),
          all.slice(at + 1).map(({ name }) => name),
        );
      }
    },
  }),
  single({
    id: 'readdir-unlink-while-reading',
    operation: 'readdir',
    placement: 'merged',
    title: 'unlinking each entry after it was read removes all (rm -r)',
    layers: MANY_LAYERS,
    run(ctx) {
      const fd = ctx.open('d', O_RDONLY);
      for (;;) {
        const some = sys.getdents(fd, 512);
        if (some.length === 0) break;
        for (const { name } of some) if (!name.startsWith('.')) sys.unlink(ctx.path(`d/${name}`));
      }
      sys.rmdir(ctx.path('d'));
      fails('ENOENT', () => sys.stat(ctx.path('d')));
    },
  }),
  single({
    id: 'readdir-change-while-reading',
    operation: 'readdir',
    placement: 'merged',
    title: 'an entry that is not changed during a listing is listed exactly once',
    layers: MANY_LAYERS,
    run(ctx) {
      const fd = ctx.open('d', O_RDONLY);
      const seen = sys.getdents(fd, 1024).map(({ name }) => name);
      const first = seen.find((name) => !name.startsWith('.')) as string;
      sys.unlink(ctx.path(`d/${first}`));
      for (let i = 0; i < 50; i++) sys.writeFile(ctx.path(`d/new-${i}`), '');
      seen.push(...sys.getdentsToEnd(fd, 1024).map(({ name }) => name));
      const kept = seen.filter((name) => name.startsWith('entry-') && name !== first).sort();
      deepEqual(
        kept,
        MANY.filter((name) => name !== first),
      );
    },
  }),
  single({
    id: 'readdir-two-readers',
    operation: 'readdir',
    placement: 'merged',
    title: 'two descriptors of one directory have their own positions',
    layers: MANY_LAYERS,
    run(ctx) {
      const one = ctx.open('d', O_RDONLY);
      const two = ctx.open('d', O_RDONLY);
      const started = sys.getdents(one, 2048);
      equal(sys.getdentsToEnd(two, 4096).length, MANY.length + 2);
      equal(started.length + sys.getdentsToEnd(one, 2048).length, MANY.length + 2);
    },
  }),
  single({
    id: 'readdir-types',
    operation: 'readdir',
    placement: 'merged',
    title: 'd_type is correct for every type',
    layers: {
      upper: { d: dir({ reg: 'x', lnk: symlink('x'), fifo: special(sys.S_IFIFO) }) },
      lower1: {
        d: dir({
          dir: dir(),
          chr: special(sys.S_IFCHR, 259),
          blk: special(sys.S_IFBLK, 7 * 256),
          sock: special(sys.S_IFSOCK),
        }),
      },
    },
    run(ctx) {
      const types = new Map(readAll(ctx).map(({ name, type }) => [name, type]));
      deepEqual(
        ['reg', 'lnk', 'fifo', 'dir', 'chr', 'blk', 'sock', '.', '..'].map((name) => types.get(name)),
        [8, 10, 1, 4, 2, 6, 12, 4, 4],
      );
    },
  }),
  single({
    id: 'readdir-hidden-everywhere',
    operation: 'readdir',
    placement: 'deep',
    title: 'whiteouts and opaque directories of every layer apply to the listing',
    layers: {
      upper: { d: dir({ one: whiteout, four: '4' }) },
      lower1: { d: dir({ one: '1', two: whiteout, five: '5' }) },
      lower2: { d: opaqueDir({ two: '2', three: '3' }) },
      lower3: { d: dir({ hidden: 'h' }) },
    },
    run(ctx) {
      deepEqual(namesOf(readAll(ctx)), ['.', '..', 'five', 'four', 'three']);
    },
  }),
  single({
    id: 'readdir-whiteout-in-single-lower',
    operation: 'readdir',
    placement: 'whiteout',
    title: 'a whiteout with nothing below it is not listed',
    layers: { lower1: { d: dir({ stray: whiteout, kept: 'k' }) }, lower2: { d: dir({ other: 'o' }) } },
    run(ctx) {
      deepEqual(namesOf(readAll(ctx)), ['.', '..', 'kept', 'other']);
    },
  }),
  single({
    id: 'readdir-dot-inodes',
    operation: 'readdir',
    placement: 'merged',
    title: 'the inodes of . and .. are those of the directory and its parent',
    layers: { upper: { d: dir({ sub: dir() }) }, lower1: { d: dir({ sub: dir({ x: 'x' }) }) } },
    run(ctx) {
      const entries = new Map(sys.getdentsToEnd(ctx.open('d/sub', O_RDONLY)).map(({ name, ino }) => [name, ino]));
      deepEqual([entries.get('.'), entries.get('..')], [sys.stat(ctx.path('d/sub')).ino, sys.stat(ctx.path('d')).ino]);
    },
  }),
  single({
    id: 'readdir-created-then-listed',
    operation: 'readdir',
    placement: 'lower',
    title: 'a listing taken before and after each of create, rename, unlink is up to date',
    layers: { lower1: { d: dir({ old: 'o' }) } },
    run(ctx) {
      const names = (): string[] => namesOf(readAll(ctx)).slice(2);
      deepEqual(names(), ['old']);
      sys.writeFile(ctx.path('d/new'), '');
      deepEqual(names(), ['new', 'old']);
      sys.rename(ctx.path('d/old'), ctx.path('d/older'));
      deepEqual(names(), ['new', 'older']);
      sys.mkdir(ctx.path('d/sub'));
      sys.unlink(ctx.path('d/new'));
      deepEqual(names(), ['older', 'sub']);
      ok(sys.outcome(() => sys.rmdir(ctx.path('d'))) === 'ENOTEMPTY');
    },
  }),
];
