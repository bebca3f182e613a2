import { deepEqual, equal } from 'node:assert/strict';
import * as sys from '../../harness/sys/index.js';
import { type Case, single } from '../case.js';
import { fails } from '../fails.js';
import { CONTENT, onAbsence, onDirectory, onFile } from '../placements.js';
import { dir, file, linked, opaqueDir, special, symlink, whiteout } from '../tree.js';

const FACTS = { mode: 0o640, uid: 1001, gid: 1002, mtime: 1_234_567 };

export const lookupCases: readonly Case[] = [
  ...onFile({
    id: 'stat-file',
    operation: 'stat',
    title: 'stat of a file shows type, mode, owner, size and mtime of the topmost object',
    object: file(CONTENT, FACTS),
    run(_, path) {
      const { mode, uid, gid, size, mtime, nlink } = sys.stat(path);
      deepEqual(
        { mode, uid, gid, size, mtime, nlink },
        {
          mode: sys.S_IFREG | 0o640,
          uid: 1001,
          gid: 1002,
          size: CONTENT.length,
          mtime: { sec: 1_234_567, nsec: 0 },
          nlink: 1,
        },
      );
    },
  }),
  ...onDirectory({
    id: 'stat-directory',
    operation: 'stat',
    title: 'stat of a directory shows mode and owner of its topmost part',
    directory: { mode: 0o2750, uid: 1001, gid: 1002 },
    run(_, path) {
      const { mode, uid, gid } = sys.stat(path);
      deepEqual({ mode, uid, gid }, { mode: sys.S_IFDIR | 0o2750, uid: 1001, gid: 1002 });
    },
  }),
  ...onFile({
    id: 'stat-same-inode',
    operation: 'stat',
    title: 'stat, lstat and fstat agree on inode and device, and again after a write',
    run(ctx, path) {
      const before = sys.stat(path);
      equal(sys.lstat(path).ino, before.ino);
      const fd = ctx.open('d/f', sys.O_RDWR);
      const opened = sys.fstat(fd);
      deepEqual([opened.ino, opened.dev], [before.ino, before.dev]);
      sys.write(fd, 'X');
      deepEqual([sys.fstat(fd).ino, sys.stat(path).ino], [before.ino, before.ino]);
    },
  }),
  ...onFile({
    id: 'stat-special-device',
    operation: 'stat',
    title: 'stat of a character device shows its device number',
    object: special(sys.S_IFCHR, 256 + 3, { mode: 0o666 }),
    run(_, path) {
      const { mode, rdev } = sys.stat(path);
      deepEqual([mode & sys.S_IFMT, rdev], [sys.S_IFCHR, '1:3']);
    },
  }),
  ...onAbsence({
    id: 'lookup-absent',
    operation: 'lookup',
    title: 'a name that no layer shows is ENOENT for each call on it',
    run(_, path) {
      fails('ENOENT', () => sys.stat(path));
      fails('ENOENT', () => sys.stat(`${path}/inside`));
      fails('ENOENT', () => sys.open(path, sys.O_RDONLY));
      fails('ENOENT', () => sys.unlink(path));
      fails('ENOENT', () => sys.rmdir(path));
      fails('ENOENT', () => sys.chmod(path, 0o600));
      fails('ENOENT', () => sys.truncate(path, 0));
    },
  }),
  ...onFile({
    id: 'lookup-through-file',
    operation: 'lookup',
    title: 'a path through a file is ENOTDIR',
    run(_, path) {
      fails('ENOTDIR', () => sys.stat(`${path}/x`));
      fails('ENOTDIR', () => sys.open(path, sys.O_RDONLY | sys.O_DIRECTORY));
      fails('ENOTDIR', () => sys.rmdir(path));
    },
  }),
  single({
    id: 'lookup-file-hides-directory',
    operation: 'lookup',
    placement: 'merged',
    title: 'a file hides a directory of a lower layer',
    layers: { upper: { x: 'file' }, lower1: { x: dir({ inside: 'hidden' }) } },
    run(ctx) {
      equal(sys.readFile(ctx.path('x')), 'file');
      fails('ENOTDIR', () => sys.stat(ctx.path('x/inside')));
    },
  }),
  single({
    id: 'lookup-directory-hides-file',
    operation: 'lookup',
    placement: 'deep',
    title: 'a directory hides a file, and does not merge with the directory below that file',
    layers: { lower1: { x: dir({ top: '1' }) }, lower2: { x: 'file' }, lower3: { x: dir({ bottom: 'hidden' }) } },
    run(ctx) {
      equal(sys.readFile(ctx.path('x/top')), '1');
      fails('ENOENT', () => sys.stat(ctx.path('x/bottom')));
    },
  }),
  single({
    id: 'lookup-three-layers',
    operation: 'lookup',
    placement: 'deep',
    title: 'a path can have parts in three layers',
    layers: {
      lower1: { a: dir({ one: '1' }) },
      lower2: { a: dir({ b: dir({ two: '2' }) }) },
      lower3: { a: dir({ b: dir({ c: dir({ three: '3' }) }) }) },
    },
    run(ctx) {
      equal(sys.readFile(ctx.path('a/one')), '1');
      equal(sys.readFile(ctx.path('a/b/two')), '2');
      equal(sys.readFile(ctx.path('a/b/c/three')), '3');
      equal(sys.readFile(ctx.path('a/b/c/../../b/./two')), '2');
    },
  }),
  single({
    id: 'lookup-whiteout-between',
    operation: 'lookup',
    placement: 'whiteout',
    title: 'a whiteout in a middle layer hides the layers below, not those above',
    layers: {
      lower1: { kept: 'above' },
      lower2: { kept: whiteout, gone: whiteout },
      lower3: { kept: 'below', gone: 'below' },
    },
    run(ctx) {
      equal(sys.readFile(ctx.path('kept')), 'above');
      fails('ENOENT', () => sys.stat(ctx.path('gone')));
    },
  }),
  single({
    id: 'lookup-directory-over-whiteout',
    operation: 'lookup',
    placement: 'whiteout',
    title: 'a directory above a whiteout does not merge with the directory below it',
    layers: { upper: { d: dir({ new: 'n' }) }, lower1: { d: whiteout }, lower2: { d: dir({ old: 'o' }) } },
    run(ctx) {
      equal(sys.readFile(ctx.path('d/new')), 'n');
      fails('ENOENT', () => sys.stat(ctx.path('d/old')));
    },
  }),
  single({
    id: 'lookup-opaque-middle',
    operation: 'lookup',
    placement: 'opaque',
    title: 'an opaque directory in a middle layer merges with the one above and hides the one below',
    layers: {
      upper: { d: dir({ u: 'u' }) },
      lower1: { d: opaqueDir({ m: 'm' }) },
      lower2: { d: dir({ hidden: 'h', sub: dir({ deep: 'x' }) }) },
    },
    run(ctx) {
      equal(sys.readFile(ctx.path('d/u')), 'u');
      equal(sys.readFile(ctx.path('d/m')), 'm');
      fails('ENOENT', () => sys.stat(ctx.path('d/hidden')));
      fails('ENOENT', () => sys.stat(ctx.path('d/sub/deep')));
    },
  }),
  single({
    id: 'stat-hard-links-lower',
    operation: 'stat',
    placement: 'lower',
    title: 'hard links within a lower layer show one inode and its link count',
    layers: { lower1: { a: linked('same', 'x'), b: linked('same', 'x') } },
    run(ctx) {
      const a = sys.stat(ctx.path('a'));
      const b = sys.stat(ctx.path('b'));
      deepEqual([a.nlink, b.nlink, a.ino === b.ino], [2, 2, true]);
    },
  }),
  single({
    id: 'stat-directory-nlink',
    operation: 'stat',
    title: 'a directory counts its subdirectories',
    needs: ['directory-nlink'],
    layers: { upper: { d: dir({ a: dir(), b: dir(), c: 'file' }) } },
    run(ctx) {
      equal(sys.stat(ctx.path('d')).nlink, 4);
    },
  }),
  single({
    id: 'lookup-symlink-loop',
    operation: 'lookup',
    placement: 'merged',
    title: 'symlinks that point at one another are ELOOP',
    layers: { upper: { a: symlink('b') }, lower1: { b: symlink('a') } },
    run(ctx) {
      fails('ELOOP', () => sys.stat(ctx.path('a')));
      equal(sys.lstat(ctx.path('a')).mode & sys.S_IFMT, sys.S_IFLNK);
    },
  }),
  single({
    id: 'lookup-symlink-across',
    operation: 'lookup',
    placement: 'merged',
    title: 'a symlink in a lower layer is resolved in the union, not in its layer',
    layers: { upper: { t: 'new' }, lower1: { t: 'old', s: symlink('t'), d: dir({ up: symlink('../t') }) } },
    run(ctx) {
      equal(sys.readFile(ctx.path('s')), 'new');
      equal(sys.readFile(ctx.path('d/up')), 'new');
    },
  }),
];
