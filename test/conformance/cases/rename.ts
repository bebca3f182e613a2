import { deepEqual, equal, ok } from 'node:assert/strict';
import * as sys from '../../harness/sys/index.js';
import { type Case, single } from '../case.js';
import { fails } from '../fails.js';
import { CONTENT, onAbsence, onFile } from '../placements.js';
import { dir, file, linked, special, symlink } from '../tree.js';

const { RENAME_EXCHANGE, RENAME_NOREPLACE, RENAME_WHITEOUT } = sys;
const gone = (path: string): void => fails('ENOENT', () => sys.lstat(path));

/** Renames of files; rename-directory.ts has those of directories. */
export const renameCases: readonly Case[] = [
  ...onFile({
    id: 'rename-in-place',
    operation: 'rename',
    title: 'rename to a free name keeps the inode and removes the old name',
    object: file(CONTENT, { mode: 0o640, uid: 5, gid: 6, mtime: 1000 }),
    run(ctx, path) {
      const before = sys.stat(path);
      sys.rename(path, ctx.path('d/g'));
      gone(path);
      const after = sys.stat(ctx.path('d/g'));
      deepEqual(
        [after.ino, after.mode, after.uid, after.gid, after.mtime],
        [before.ino, before.mode, 5, 6, before.mtime],
      );
      equal(sys.readFile(ctx.path('d/g')), CONTENT);
    },
  }),
  ...onFile({
    id: 'rename-away',
    operation: 'rename',
    title: 'rename moves a file into another directory and back',
    run(ctx, path) {
      sys.mkdir(ctx.path('e'));
      sys.rename(path, ctx.path('e/f'));
      gone(path);
      equal(sys.readFile(ctx.path('e/f')), CONTENT);
      sys.rename(ctx.path('e/f'), path);
      gone(ctx.path('e/f'));
      equal(sys.readFile(path), CONTENT);
    },
  }),
  ...onFile({
    id: 'rename-over',
    operation: 'rename',
    title: 'rename over an existing file replaces it',
    run(ctx, path) {
      sys.writeFile(ctx.path('new'), 'replacement');
      sys.rename(ctx.path('new'), path);
      gone(ctx.path('new'));
      equal(sys.readFile(path), 'replacement');
      sys.unlink(path);
      gone(path);
    },
  }),
  ...onAbsence({
    id: 'rename-onto-absent',
    operation: 'rename',
    title: 'a new file can be renamed onto the name',
    run(ctx, path) {
      sys.writeFile(ctx.path('d/tmp'), 'saved');
      sys.rename(ctx.path('d/tmp'), path);
      equal(sys.readFile(path), 'saved');
      gone(ctx.path('d/tmp'));
    },
  }),
  ...onAbsence({
    id: 'rename-directory-onto-absent',
    operation: 'rename',
    title: 'a new directory renamed onto the name shows its own entries only',
    run(ctx, path) {
      sys.mkdir(ctx.path('fresh'));
      sys.writeFile(ctx.path('fresh/own'), 'o');
      sys.rename(ctx.path('fresh'), path);
      equal(sys.readFile(`${path}/own`), 'o');
      gone(`${path}/inside`);
      const names = sys.getdentsToEnd(ctx.open('d/n', sys.O_RDONLY)).map(({ name }) => name);
      deepEqual(names.sort(), ['.', '..', 'own']);
    },
  }),
  ...onFile({
    id: 'rename-open',
    operation: 'rename',
    title: 'descriptors follow a renamed file, and those of a replaced file keep it',
    run(ctx, path) {
      const fd = ctx.open('d/f', sys.O_RDWR);
      sys.rename(path, ctx.path('d/moved'));
      sys.pwrite(fd, 'MOVED', 0);
      equal(sys.readFile(ctx.path('d/moved')), 'MOVEDnt');
      sys.writeFile(ctx.path('new'), 'new');
      sys.rename(ctx.path('new'), ctx.path('d/moved'));
      equal(sys.pread(fd, 100, 0).toString(), 'MOVEDnt');
      equal(sys.fstat(fd).nlink, 0);
      equal(sys.readFile(ctx.path('d/moved')), 'new');
    },
  }),
  ...onFile({
    id: 'rename-open-reader',
    operation: 'rename',
    title: 'a descriptor opened for reading keeps a file that is replaced',
    run(ctx, path) {
      const fd = ctx.open('d/f', sys.O_RDONLY);
      sys.writeFile(ctx.path('new'), 'new');
      sys.rename(ctx.path('new'), path);
      equal(sys.pread(fd, 100, 0).toString(), CONTENT);
      equal(sys.readFile(path), 'new');
    },
  }),
  ...onFile({
    id: 'rename-noreplace',
    operation: 'rename',
    title: 'RENAME_NOREPLACE onto an existing name is EEXIST, and renames to a free one',
    needs: ['rename-flags'],
    run(ctx, path) {
      sys.writeFile(ctx.path('other'), 'other');
      fails('EEXIST', () => sys.rename(ctx.path('other'), path, RENAME_NOREPLACE));
      fails('EEXIST', () => sys.rename(path, ctx.path('other'), RENAME_NOREPLACE));
      equal(sys.readFile(path), CONTENT);
      sys.rename(path, ctx.path('free'), RENAME_NOREPLACE);
      deepEqual([sys.readFile(ctx.path('free')), sys.outcome(() => sys.stat(path))], [CONTENT, 'ENOENT']);
    },
  }),
  ...onAbsence({
    id: 'rename-noreplace-absent',
    operation: 'rename',
    title: 'RENAME_NOREPLACE renames to a name that a layer hides',
    needs: ['rename-flags'],
    run(ctx, path) {
      sys.writeFile(ctx.path('d/tmp'), 'x');
      sys.rename(ctx.path('d/tmp'), path, RENAME_NOREPLACE);
      equal(sys.readFile(path), 'x');
    },
  }),
  ...onFile({
    id: 'rename-exchange',
    operation: 'rename',
    title: 'RENAME_EXCHANGE swaps two files',
    needs: ['rename-flags'],
    run(ctx, path) {
      sys.writeFile(ctx.path('other'), 'other');
      const [a, b] = [sys.stat(path).ino, sys.stat(ctx.path('other')).ino];
      sys.rename(path, ctx.path('other'), RENAME_EXCHANGE);
      deepEqual([sys.readFile(path), sys.readFile(ctx.path('other'))], ['other', CONTENT]);
      deepEqual([sys.stat(path).ino, sys.stat(ctx.path('other')).ino], [b, a]);
    },
  }),
  ...onFile({
    id: 'rename-exchange-directory',
    operation: 'rename',
    title: 'RENAME_EXCHANGE swaps a file and a new directory',
    needs: ['rename-flags'],
    run(ctx, path) {
      sys.mkdir(ctx.path('x'));
      sys.writeFile(ctx.path('x/in'), 'in');
      sys.rename(ctx.path('x'), path, RENAME_EXCHANGE);
      deepEqual([sys.readFile(`${path}/in`), sys.readFile(ctx.path('x'))], ['in', CONTENT]);
    },
  }),
  ...onFile({
    id: 'rename-exchange-absent',
    operation: 'rename',
    title: 'RENAME_EXCHANGE with a missing name is ENOENT',
    placements: ['upper', 'lower', 'merged'],
    run(ctx, path) {
      fails('ENOENT', () => sys.rename(path, ctx.path('none'), RENAME_EXCHANGE));
      fails('EINVAL', () => sys.rename(path, ctx.path('none'), RENAME_EXCHANGE | RENAME_NOREPLACE));
      equal(sys.readFile(path), CONTENT);
    },
  }),
  single({
    id: 'rename-whiteout-refused',
    operation: 'rename',
    title: 'RENAME_WHITEOUT through a union is EINVAL',
    needs: ['upper'],
    layers: { upper: { f: 'x' } },
    run(ctx) {
      fails('EINVAL', () => sys.rename(ctx.path('f'), ctx.path('g'), RENAME_WHITEOUT));
      equal(sys.readFile(ctx.path('f')), 'x');
    },
  }),
  ...onFile({
    id: 'rename-self',
    operation: 'rename',
    title: 'rename to itself, and between two links of one file, does nothing',
    run(ctx, path) {
      sys.rename(path, path);
      equal(sys.readFile(path), CONTENT);
      sys.link(path, ctx.path('d/second'));
      sys.rename(path, ctx.path('d/second'));
      deepEqual([sys.readFile(path), sys.readFile(ctx.path('d/second'))], [CONTENT, CONTENT]);
    },
  }),
  ...onFile({
    id: 'rename-symlink',
    operation: 'rename',
    title: 'rename of a symlink moves the symlink itself',
    object: symlink('nowhere'),
    run(ctx, path) {
      sys.rename(path, ctx.path('moved'));
      equal(sys.readlink(ctx.path('moved')), 'nowhere');
      gone(path);
    },
  }),
  ...onFile({
    id: 'rename-device',
    operation: 'rename',
    title: 'a device can be renamed',
    object: special(sys.S_IFCHR, 256 + 3),
    run(ctx, path) {
      sys.rename(path, ctx.path('moved'));
      equal(sys.stat(ctx.path('moved')).rdev, '1:3');
      gone(path);
    },
  }),
  ...onFile({
    id: 'rename-errors',
    operation: 'rename',
    title: 'a file cannot replace a directory nor the other way round',
    run(ctx, path) {
      sys.mkdir(ctx.path('e'));
      fails('EISDIR', () => sys.rename(path, ctx.path('e')));
      fails('ENOTDIR', () => sys.rename(ctx.path('e'), path));
      fails('ENOENT', () => sys.rename(ctx.path('none'), path));
      fails('ENOTDIR', () => sys.rename(path, `${path}/x`));
      equal(sys.readFile(path), CONTENT);
    },
  }),
  ...onFile({
    id: 'rename-chain',
    operation: 'rename',
    title: 'a file can be renamed five times, while its first name is made again',
    run(ctx, path) {
      let at = path;
      for (const name of ['d/1', 'd/2', '3', 'd/4', 'd/5']) {
        sys.rename(at, ctx.path(name));
        gone(at);
        at = ctx.path(name);
      }
      sys.writeFile(path, 'another');
      deepEqual([sys.readFile(at), sys.readFile(path)], [CONTENT, 'another']);
    },
  }),
  ...onFile({
    id: 'rename-times',
    operation: 'rename',
    title: 'rename sets the mtime of both directories',
    run(ctx, path) {
      sys.mkdir(ctx.path('e'));
      const old = { sec: 1000, nsec: 0 };
      for (const name of ['d', 'e']) sys.utimens(ctx.path(name), old, old);
      sys.rename(path, ctx.path('e/f'));
      for (const name of ['d', 'e']) ok(sys.stat(ctx.path(name)).mtime.sec > 1_000_000_000);
    },
  }),
  single({
    id: 'rename-lower-hard-link',
    operation: 'rename',
    placement: 'lower',
    title: 'renaming one of two hard links of a lower layer keeps the other',
    layers: { lower1: { d: dir({ a: linked('same', 'x'), b: linked('same', 'x') }) } },
    run(ctx) {
      sys.rename(ctx.path('d/a'), ctx.path('d/c'));
      gone(ctx.path('d/a'));
      deepEqual([sys.readFile(ctx.path('d/b')), sys.readFile(ctx.path('d/c'))], ['same', 'same']);
    },
  }),
];
