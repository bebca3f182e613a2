import { deepEqual, equal } from 'node:assert/strict';
import * as sys from '../../harness/sys/index.js';
import { type Case, type Context, single } from '../case.js';
import { fails } from '../fails.js';
import { IN_LOWER, IN_UPPER, onDirectory } from '../placements.js';
import { dir, opaqueDir, symlink, whiteout } from '../tree.js';

const gone = (path: string): void => fails('ENOENT', () => sys.lstat(path));
const shown = (ctx: Context, relative: string): string[] =>
  sys
    .getdentsToEnd(ctx.open(relative, sys.O_RDONLY))
    .map(({ name }) => name)
    .filter((name) => !name.startsWith('.'))
    .sort();
const ABC = ['a', 'b', 'c'];

export const renameDirectoryCases: readonly Case[] = [
  ...onDirectory({
    id: 'rename-directory-exdev',
    operation: 'rename',
    title: 'rename of a directory that a lower layer has is EXDEV',
    needs: ['exdev'],
    placements: IN_LOWER,
    run(ctx, path) {
      fails('EXDEV', () => sys.rename(path, ctx.path('moved')));
      deepEqual(shown(ctx, 'd'), ABC);
      gone(ctx.path('moved'));
    },
  }),
  ...onDirectory({
    id: 'rename-directory-exchange-exdev',
    operation: 'rename',
    title: 'exchange of a directory that a lower layer has is EXDEV, from either side',
    needs: ['exdev', 'rename-flags'],
    placements: IN_LOWER,
    run(ctx, path) {
      sys.writeFile(ctx.path('file'), 'x');
      fails('EXDEV', () => sys.rename(path, ctx.path('file'), sys.RENAME_EXCHANGE));
      fails('EXDEV', () => sys.rename(ctx.path('file'), path, sys.RENAME_EXCHANGE));
      deepEqual(shown(ctx, 'd'), ABC);
    },
  }),
  ...onDirectory({
    id: 'rename-directory-exdev-first',
    operation: 'rename',
    title: 'EXDEV has priority over ENOTEMPTY, but not over EEXIST and ENOTDIR',
    needs: ['exdev'],
    placements: IN_LOWER,
    run(ctx, path) {
      sys.mkdir(ctx.path('full'));
      sys.writeFile(ctx.path('full/x'), 'x');
      fails('EXDEV', () => sys.rename(path, ctx.path('full')));
      fails('EEXIST', () => sys.rename(path, ctx.path('full'), sys.RENAME_NOREPLACE));
      fails('ENOTDIR', () => sys.rename(path, ctx.path('full/x')));
    },
  }),
  ...onDirectory({
    id: 'rename-directory-any',
    operation: 'rename',
    title: 'a directory is renamed with all its entries',
    needs: ['rename-any-directory'],
    run(ctx, path) {
      sys.rename(path, ctx.path('moved'));
      deepEqual(shown(ctx, 'moved'), ABC);
    },
  }),
  ...onDirectory({
    id: 'rename-directory-upper',
    operation: 'rename',
    title: 'a directory of the upper alone is renamed with its entries and keeps its inode',
    placements: IN_UPPER,
    run(ctx, path) {
      const { ino } = sys.stat(path);
      sys.mkdir(ctx.path('e'));
      sys.rename(path, ctx.path('e/moved'));
      deepEqual(shown(ctx, 'e/moved'), ABC);
      equal(sys.stat(ctx.path('e/moved')).ino, ino);
      gone(path);
      sys.mkdir(path);
      deepEqual(shown(ctx, 'd'), []);
    },
  }),
  ...onDirectory({
    id: 'rename-over-directory-full',
    operation: 'rename',
    title: 'rename over a directory that shows entries is ENOTEMPTY',
    run(ctx, path) {
      sys.mkdir(ctx.path('new'));
      fails('ENOTEMPTY', () => sys.rename(ctx.path('new'), path));
      deepEqual(shown(ctx, 'd'), ABC);
    },
  }),
  ...onDirectory({
    id: 'rename-over-directory-emptied',
    operation: 'rename',
    title: 'a new directory replaces one that was emptied, and shows its own entries only',
    run(ctx, path) {
      for (const name of ABC) sys.unlink(`${path}/${name}`);
      sys.mkdir(ctx.path('new'));
      sys.writeFile(ctx.path('new/own'), 'o');
      sys.rename(ctx.path('new'), path);
      deepEqual(shown(ctx, 'd'), ['own']);
      gone(ctx.path('new'));
      gone(`${path}/a`);
    },
  }),
  ...onDirectory({
    id: 'rename-into-itself',
    operation: 'rename',
    title: 'rename of a directory into itself is EINVAL',
    run(_, path) {
      fails('EINVAL', () => sys.rename(path, `${path}/inside`));
      fails('EBUSY', () => sys.rename(`${path}/a`, `${path}/..`));
    },
    placements: IN_UPPER,
  }),
  ...onDirectory({
    id: 'rename-directory-open',
    operation: 'rename',
    title: 'a renamed directory that is open accepts new names',
    placements: IN_UPPER,
    run(ctx, path) {
      const fd = ctx.open('d', sys.O_RDONLY);
      sys.rename(path, ctx.path('moved'));
      sys.close(sys.open('late', sys.O_CREAT | sys.O_WRONLY, 0o644, fd));
      deepEqual(shown(ctx, 'moved'), [...ABC, 'late']);
    },
  }),
  single({
    id: 'rename-directory-into-merged',
    operation: 'rename',
    placement: 'merged',
    title: 'an upper directory renamed over the whiteout of a lower one does not merge with it',
    layers: {
      upper: { p: dir({ x: whiteout }), new: dir({ own: 'o' }) },
      lower1: { p: dir({ x: dir({ old: 'must stay hidden' }), y: 'y' }) },
    },
    run(ctx) {
      sys.rename(ctx.path('new'), ctx.path('p/x'));
      deepEqual(shown(ctx, 'p/x'), ['own']);
      gone(ctx.path('p/x/old'));
      sys.rename(ctx.path('p/x'), ctx.path('p/z'));
      gone(ctx.path('p/x'));
      deepEqual(shown(ctx, 'p'), ['y', 'z']);
    },
  }),
  single({
    id: 'rename-directory-twice-hidden',
    operation: 'rename',
    placement: 'merged',
    title: 'an upper directory can be renamed to a name that only a layer below an opaque directory has',
    layers: {
      upper: { p: opaqueDir(), new: dir({ sub: dir({ own: 'o' }) }) },
      lower1: { p: dir({ x: dir({ sub: dir({ old: 'hidden' }) }) }) },
    },
    run(ctx) {
      sys.rename(ctx.path('new'), ctx.path('p/x'));
      deepEqual(shown(ctx, 'p/x/sub'), ['own']);
    },
  }),
  single({
    id: 'rename-directory-exchange-upper',
    operation: 'rename',
    title: 'RENAME_EXCHANGE swaps two upper directories',
    needs: ['rename-flags'],
    layers: { upper: { a: dir({ in_a: 'a' }), p: dir({ b: dir({ in_b: 'b' }) }) } },
    run(ctx) {
      sys.rename(ctx.path('a'), ctx.path('p/b'), sys.RENAME_EXCHANGE);
      deepEqual([shown(ctx, 'a'), shown(ctx, 'p/b')], [['in_b'], ['in_a']]);
    },
  }),
  single({
    id: 'rename-exchange-into-merged',
    operation: 'rename',
    placement: 'merged',
    title: 'exchanging an upper directory with a file that hides a lower directory does not reveal it',
    needs: ['rename-flags'],
    layers: {
      upper: { a: dir({ own: 'o' }), p: dir({ x: 'file' }) },
      lower1: { p: dir({ x: dir({ hidden: 'h' }) }) },
    },
    run(ctx) {
      sys.rename(ctx.path('a'), ctx.path('p/x'), sys.RENAME_EXCHANGE);
      deepEqual(shown(ctx, 'p/x'), ['own']);
      equal(sys.readFile(ctx.path('a')), 'file');
      gone(ctx.path('p/x/hidden'));
    },
  }),
  single({
    id: 'rename-parent-then-child',
    operation: 'rename',
    title: 'paths through a renamed directory work, the old ones do not',
    layers: { upper: { a: dir({ b: dir({ c: 'deep' }), s: symlink('b/c') }) } },
    run(ctx) {
      equal(sys.readFile(ctx.path('a/b/c')), 'deep');
      sys.rename(ctx.path('a'), ctx.path('z'));
      gone(ctx.path('a/b/c'));
      equal(sys.readFile(ctx.path('z/s')), 'deep');
      sys.writeFile(ctx.path('z/b/d'), 'new');
      sys.rename(ctx.path('z'), ctx.path('a'));
      equal(sys.readFile(ctx.path('a/b/d')), 'new');
    },
  }),
];
