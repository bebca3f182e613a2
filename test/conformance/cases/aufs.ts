/**
 * The differences between aufs and an overlay (aufs(5), fs/aufs): names, directories that can be renamed, the
 * on-disk form.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import * as sys from '../../harness/sys/index.js';
import { type Case, type Context, type SingleCase, single } from '../case.js';
import { fails } from '../fails.js';
import { dir, special, whiteout } from '../tree.js';

const aufs = (spec: SingleCase): Case => single({ ...spec, needs: ['aufs', 'upper', ...(spec.needs ?? [])] });
const list = (path: string): string[] => {
  const fd = sys.open(path, sys.O_RDONLY | sys.O_DIRECTORY);
  const names = sys.getdentsToEnd(fd).map(({ name }) => name);
  sys.close(fd);
  return names.filter((name) => name !== '.' && name !== '..').sort();
};
const gone = (path: string): void => fails('ENOENT', () => sys.lstat(path));
/** Returns the file in the root of the branch that whiteouts are hard links to. */
const base = (ctx: Context): string => ctx.upper('../.wh..wh.aufs');

const LONGEST = 'n'.repeat(242);
const OPAQUE = '.wh..wh..opq';

const nameCases: readonly Case[] = [
  aufs({
    id: 'aufs-reserved-names',
    operation: 'lookup',
    placement: 'merged',
    title: 'every operation on a name that begins with .wh. is EPERM',
    layers: { upper: { d: dir({ f: 'x', '.wh.gone': '' }) }, lower1: { d: dir({ gone: 'hidden' }) } },
    run(ctx) {
      const f = ctx.path('d/f');
      for (const name of ['.wh.gone', '.wh.new', '.wh..wh..opq', '.wh.']) {
        const path = ctx.path(`d/${name}`);
        for (const body of [
          () => sys.stat(path),
          () => sys.open(path, sys.O_RDONLY),
          () => sys.open(path, sys.O_CREAT | sys.O_WRONLY, 0o644),
          () => sys.mkdir(path),
          () => sys.mknod(path, sys.S_IFREG | 0o600),
          () => sys.symlink('x', path),
          () => sys.link(f, path),
          () => sys.rename(f, path),
          () => sys.rename(path, ctx.path('d/other')),
          () => sys.unlink(path),
          () => sys.rmdir(path),
        ]) {
          fails('EPERM', body);
        }
      }
      deepEqual(list(ctx.path('d')), ['f']);
    },
  }),
  aufs({
    id: 'aufs-names-not-listed',
    operation: 'readdir',
    placement: 'merged',
    title: "aufs's own files are never listed, also not in the root",
    layers: { upper: { d: dir({ '.wh..wh..opq': '', '.wh.a': '' }) }, lower1: { d: dir({ a: '', '.wh.b': '' }) } },
    run(ctx) {
      deepEqual(list(ctx.path('d')), []);
      ok(!list(ctx.path('..')).some((name) => name.startsWith('.wh.')));
    },
  }),
  aufs({
    id: 'aufs-name-longest',
    operation: 'lookup',
    placement: 'merged',
    title: 'a name of 242 bytes works and can be hidden, one of 243 is ENAMETOOLONG, as statfs reports',
    layers: { upper: { d: dir() }, lower1: { d: dir({ [LONGEST]: 'lower' }) } },
    run(ctx) {
      equal(sys.statfs(ctx.root).namelen, 242);
      const path = ctx.path(`d/${LONGEST}`);
      const longer = `${path}n`;
      sys.unlink(path);
      gone(path);
      sys.writeFile(path, 'x');
      equal(sys.readFile(path), 'x');
      for (const body of [
        () => sys.stat(longer),
        () => sys.writeFile(longer, ''),
        () => sys.mkdir(longer),
        () => sys.link(path, longer),
        () => sys.rename(path, longer),
      ]) {
        fails('ENAMETOOLONG', body);
      }
    },
  }),
  aufs({
    id: 'aufs-whiteout-of-another-type',
    operation: 'lookup',
    placement: 'whiteout',
    title: 'a name whose whiteout is no regular file is EIO',
    layers: { upper: { d: dir({ '.wh.f': dir(), '.wh.g': special(sys.S_IFIFO) }) }, lower1: { d: dir({ f: 'x' }) } },
    run(ctx) {
      fails('EIO', () => sys.stat(ctx.path('d/f')));
      fails('EIO', () => sys.stat(ctx.path('d/g')));
    },
  }),
  aufs({
    id: 'aufs-name-and-whiteout',
    operation: 'lookup',
    placement: 'whiteout',
    title: 'a name beside its own whiteout is shown, and hides lower objects',
    layers: {
      upper: { d: dir({ f: 'upper', '.wh.f': '', s: dir({ own: 'o' }), '.wh.s': '' }) },
      lower1: { d: dir({ f: 'lower', s: dir({ old: 'hidden' }) }) },
    },
    run(ctx) {
      equal(sys.readFile(ctx.path('d/f')), 'upper');
      deepEqual(list(ctx.path('d/s')), ['own']);
      gone(ctx.path('d/s/old'));
      deepEqual(list(ctx.path('d')), ['f', 's']);
      sys.unlink(ctx.path('d/f'));
      gone(ctx.path('d/f'));
      sys.unlink(ctx.path('d/s/own'));
      sys.rmdir(ctx.path('d/s'));
      gone(ctx.path('d/s'));
      deepEqual(list(ctx.path('d')), []);
    },
  }),
];

const EMPTY_BY_WHITEOUTS = { lower1: { d: dir({ a: whiteout }) }, lower2: { d: dir({ a: 'hidden' }) } };

const renameCases: readonly Case[] = [
  aufs({
    id: 'aufs-rename-lower-empty',
    operation: 'rename',
    placement: 'lower',
    title: 'a directory of lower branches can be renamed if it shows no entry',
    layers: EMPTY_BY_WHITEOUTS,
    run(ctx) {
      const { ino } = sys.stat(ctx.path('d'));
      sys.rename(ctx.path('d'), ctx.path('moved'));
      gone(ctx.path('d'));
      ok(ctx.isWhiteout('d'));
      equal(sys.stat(ctx.path('moved')).ino, ino);
      deepEqual(list(ctx.path('moved')), []);
      sys.writeFile(ctx.path('moved/new'), 'n');
      deepEqual(list(ctx.path('moved')), ['new']);
    },
  }),
  aufs({
    id: 'aufs-rename-lower-full',
    operation: 'rename',
    placement: 'lower',
    title: 'a directory of lower branches that shows an entry cannot be renamed: EXDEV',
    layers: { lower1: { d: dir({ a: 'a' }) }, lower2: { d: dir({ b: 'b' }) } },
    run(ctx) {
      fails('EXDEV', () => sys.rename(ctx.path('d'), ctx.path('moved')));
      deepEqual(list(ctx.path('d')), ['a', 'b']);
      gone(ctx.path('moved'));
    },
  }),
  aufs({
    id: 'aufs-rename-merged-bare',
    operation: 'rename',
    placement: 'merged',
    title: 'a merged directory can be renamed with its entries if its lower parts are empty',
    layers: { upper: { d: dir({ a: 'a', s: dir({ x: 'x' }) }) }, lower1: { d: dir() }, lower2: { d: dir() } },
    run(ctx) {
      const fd = ctx.open('d', sys.O_RDONLY | sys.O_DIRECTORY);
      sys.rename(ctx.path('d'), ctx.path('moved'));
      gone(ctx.path('d'));
      ok(ctx.isWhiteout('d'));
      deepEqual(list(ctx.path('moved')), ['a', 's']);
      deepEqual(list(ctx.path('moved/s')), ['x']);
      sys.close(sys.open('late', sys.O_CREAT | sys.O_WRONLY, 0o644, fd));
      deepEqual(list(ctx.path('moved')), ['a', 'late', 's']);
      sys.mkdir(ctx.path('d'));
      deepEqual(list(ctx.path('d')), []);
    },
  }),
  aufs({
    id: 'aufs-rename-merged-whiteouts',
    operation: 'rename',
    placement: 'merged',
    title: 'a directory with whiteouts in a lower part cannot be renamed: EXDEV',
    layers: { upper: { d: dir({ own: 'o' }) }, ...EMPTY_BY_WHITEOUTS },
    run(ctx) {
      fails('EXDEV', () => sys.rename(ctx.path('d'), ctx.path('moved')));
      deepEqual(list(ctx.path('d')), ['own']);
    },
  }),
  aufs({
    id: 'aufs-rename-merged-empty',
    operation: 'rename',
    placement: 'merged',
    title: 'a merged directory that shows no entry cannot be renamed if its lower part has one: EXDEV',
    layers: { upper: { d: dir({ a: whiteout }) }, lower1: { d: dir({ a: 'hidden' }) } },
    run(ctx) {
      fails('EXDEV', () => sys.rename(ctx.path('d'), ctx.path('moved')));
      deepEqual(list(ctx.path('d')), []);
    },
  }),
  aufs({
    id: 'aufs-exchange',
    operation: 'rename',
    placement: 'merged',
    title: 'RENAME_EXCHANGE swaps two directories that can be renamed, and lower objects stay hidden',
    needs: ['rename-flags'],
    layers: {
      upper: { d: dir({ own: 'o' }), e: dir() },
      lower1: { d: dir(), p: dir({ q: dir() }) },
    },
    run(ctx) {
      sys.rename(ctx.path('d'), ctx.path('p/q'), sys.RENAME_EXCHANGE);
      deepEqual([list(ctx.path('d')), list(ctx.path('p/q'))], [[], ['own']]);
      sys.rename(ctx.path('p/q'), ctx.path('e'), sys.RENAME_EXCHANGE);
      deepEqual([list(ctx.path('e')), list(ctx.path('p/q'))], [['own'], []]);
    },
  }),
  aufs({
    id: 'aufs-exchange-exdev',
    operation: 'rename',
    placement: 'merged',
    title: 'RENAME_EXCHANGE with entries of either side in a lower branch is EXDEV',
    needs: ['rename-flags'],
    layers: { upper: { e: dir() }, lower1: { d: dir({ a: 'a' }) } },
    run(ctx) {
      fails('EXDEV', () => sys.rename(ctx.path('d'), ctx.path('e'), sys.RENAME_EXCHANGE));
      fails('EXDEV', () => sys.rename(ctx.path('e'), ctx.path('d'), sys.RENAME_EXCHANGE));
      deepEqual([list(ctx.path('d')), list(ctx.path('e'))], [['a'], []]);
    },
  }),
];

const diskCases: readonly Case[] = [
  aufs({
    id: 'aufs-disk-unlink',
    operation: 'unlink',
    placement: 'lower',
    title: 'a whiteout is a hard link to the base file of the branch, mode 0444',
    layers: { lower1: { d: dir({ f: 'f', g: 'g' }) } },
    run(ctx) {
      sys.unlink(ctx.path('d/f'));
      deepEqual(list(ctx.upper('d')), ['.wh.f']);
      const { ino, mode, size } = sys.lstat(ctx.upper('d/.wh.f'));
      deepEqual([ino, mode, size], [sys.lstat(base(ctx)).ino, sys.S_IFREG | 0o444, 0]);
    },
  }),
  aufs({
    id: 'aufs-disk-recreate',
    operation: 'create',
    placement: 'whiteout',
    title: 'a new object removes the whiteout of its name, and a new directory there is opaque',
    layers: {
      upper: { d: dir({ f: whiteout, l: whiteout, n: whiteout, s: whiteout }) },
      lower1: { d: dir({ f: 'old', l: 'old', n: 'old', s: dir({ x: 'hidden' }) }) },
    },
    run(ctx) {
      sys.writeFile(ctx.path('d/f'), 'new');
      sys.link(ctx.path('d/f'), ctx.path('d/l'));
      sys.symlink('to', ctx.path('d/n'));
      sys.mkdir(ctx.path('d/s'));
      deepEqual(list(ctx.upper('d')), ['f', 'l', 'n', 's']);
      deepEqual(list(ctx.upper('d/s')), [OPAQUE]);
      equal(sys.lstat(ctx.upper(`d/s/${OPAQUE}`)).ino, sys.lstat(base(ctx)).ino);
    },
  }),
  aufs({
    id: 'aufs-disk-mkdir',
    operation: 'mkdir',
    placement: 'merged',
    title: 'a new directory at an unused name is not opaque',
    layers: { upper: { d: dir() }, lower1: { d: dir() } },
    run(ctx) {
      sys.mkdir(ctx.path('d/new'));
      deepEqual(list(ctx.upper('d/new')), []);
    },
  }),
  aufs({
    id: 'aufs-disk-rmdir',
    operation: 'rmdir',
    placement: 'merged',
    title: 'rmdir of a merged directory leaves one whiteout, of an upper one nothing',
    layers: {
      upper: { p: dir({ d: dir({ a: whiteout }), own: dir({ [OPAQUE]: '', '.wh.stray': '' }) }) },
      lower1: { p: dir({ d: dir({ a: 'a' }) }) },
    },
    run(ctx) {
      sys.rmdir(ctx.path('p/d'));
      sys.rmdir(ctx.path('p/own'));
      deepEqual(list(ctx.upper('p')), ['.wh.d']);
      deepEqual(list(ctx.upper('../.wh..wh.orph')), []);
    },
  }),
  aufs({
    id: 'aufs-disk-rename',
    operation: 'rename',
    placement: 'lower',
    title: 'rename of a lower file onto a whiteout: a whiteout at the old name, none at the new one',
    layers: { upper: { d: dir({ g: whiteout }) }, lower1: { d: dir({ f: 'content', g: 'old' }) } },
    run(ctx) {
      sys.rename(ctx.path('d/f'), ctx.path('d/g'));
      deepEqual(list(ctx.upper('d')), ['.wh.f', 'g']);
      equal(sys.readFile(ctx.upper('d/g')), 'content');
    },
  }),
  aufs({
    id: 'aufs-disk-rename-directory',
    operation: 'rename',
    placement: 'merged',
    title: 'a directory renamed onto an emptied lower one is opaque, and keeps its times',
    layers: {
      upper: { n: dir({ own: 'o' }, { mtime: 1000 }), p: dir({ x: dir({ old: whiteout }) }), q: dir() },
      lower1: { p: dir({ x: dir({ old: 'hidden' }) }) },
    },
    run(ctx) {
      sys.rename(ctx.path('n'), ctx.path('p/x'));
      deepEqual(list(ctx.upper('p')), ['x']);
      deepEqual(list(ctx.upper('p/x')), [OPAQUE, 'own']);
      equal(sys.stat(ctx.path('p/x')).mtime.sec, 1000);
      deepEqual(list(ctx.upper('../.wh..wh.orph')), []);
      sys.rename(ctx.path('p/x'), ctx.path('q/x'));
      deepEqual(list(ctx.upper('p')), ['.wh.x']);
    },
  }),
  aufs({
    id: 'aufs-disk-rename-directory-free',
    operation: 'rename',
    placement: 'merged',
    title: 'a directory renamed to an unused name is not opaque',
    layers: { upper: { n: dir({ own: 'o' }), p: dir() }, lower1: { p: dir() } },
    run(ctx) {
      sys.rename(ctx.path('n'), ctx.path('p/free'));
      deepEqual(list(ctx.upper('p/free')), ['own']);
    },
  }),
];

export const aufsCases: readonly Case[] = [...nameCases, ...renameCases, ...diskCases];
