import { deepEqual, equal } from 'node:assert/strict';
import * as sys from '../../harness/sys/index.js';
import { type Case, single } from '../case.js';
import { fails } from '../fails.js';
import { CONTENT, onAbsence, onDirectory, onFile } from '../placements.js';
import { file, linked, special, symlink } from '../tree.js';

export const linkCases: readonly Case[] = [
  single({
    id: 'symlink-limits',
    operation: 'symlink',
    title: 'a symlink of 4095 bytes works, an empty one is ENOENT, a longer one ENAMETOOLONG',
    run(ctx) {
      sys.symlink('y'.repeat(4095), ctx.path('long'));
      equal(sys.readlink(ctx.path('long'), 5000).length, 4095);
      fails('ENOENT', () => sys.symlink('', ctx.path('empty')));
      fails('ENAMETOOLONG', () => sys.symlink('y'.repeat(4096), ctx.path('longer')));
    },
  }),
  ...onFile({
    id: 'readlink',
    operation: 'readlink',
    title: 'readlink returns the target, cut to the buffer',
    object: symlink('some/where'),
    run(_, path) {
      equal(sys.readlink(path), 'some/where');
      equal(sys.readlink(path, 4), 'some');
    },
  }),
  ...onFile({
    id: 'readlink-other',
    operation: 'readlink',
    title: 'readlink of an object that is no symlink is EINVAL',
    placements: ['upper', 'lower'],
    run(_, path) {
      fails('EINVAL', () => sys.readlink(path));
    },
  }),
  ...onFile({
    id: 'link',
    operation: 'link',
    title: 'link makes a second name of a file: one inode, link count 2, one content',
    object: file(CONTENT, { mode: 0o640, uid: 5, mtime: 1000 }),
    run(ctx, path) {
      const other = ctx.path('d/second');
      sys.link(path, other);
      const a = sys.stat(path);
      const b = sys.stat(other);
      deepEqual([a.ino, a.nlink, b.nlink, b.uid, b.mtime.sec], [b.ino, 2, 2, 5, 1000]);
      sys.writeFile(other, 'written by the second name');
      equal(sys.readFile(path), 'written by the second name');
      sys.unlink(path);
      deepEqual([sys.stat(other).nlink, sys.readFile(other)], [1, 'written by the second name']);
    },
  }),
  ...onAbsence({
    id: 'link-into',
    operation: 'link',
    title: 'link makes a name in another directory',
    run(ctx, path) {
      sys.writeFile(ctx.path('source'), 'text');
      sys.link(ctx.path('source'), path);
      deepEqual([sys.readFile(path), sys.stat(path).nlink], ['text', 2]);
      sys.unlink(ctx.path('source'));
      deepEqual([sys.readFile(path), sys.stat(path).nlink], ['text', 1]);
    },
  }),
  ...onFile({
    id: 'link-symlink',
    operation: 'link',
    title: 'link of a symlink makes a name of the symlink itself',
    object: symlink('nowhere'),
    run(ctx, path) {
      sys.link(path, ctx.path('d/second'));
      deepEqual([sys.readlink(ctx.path('d/second')), sys.lstat(path).nlink], ['nowhere', 2]);
    },
  }),
  ...onFile({
    id: 'link-fifo',
    operation: 'link',
    title: 'link makes a second name of a fifo',
    object: special(sys.S_IFIFO),
    run(ctx, path) {
      sys.link(path, ctx.path('d/second'));
      equal(sys.stat(path).ino, sys.stat(ctx.path('d/second')).ino);
    },
  }),
  ...onFile({
    id: 'link-open',
    operation: 'link',
    title: 'a file linked while it is open for reading is one file through both names and the descriptor',
    run(ctx, path) {
      const reader = ctx.open('d/f', sys.O_RDONLY);
      sys.link(path, ctx.path('d/second'));
      sys.writeFile(ctx.path('d/second'), 'via second');
      equal(sys.pread(reader, 100, 0).toString(), 'via second');
      equal(sys.fstat(reader).nlink, 2);
    },
  }),
  ...onDirectory({
    id: 'link-directory',
    operation: 'link',
    title: 'link of a directory is EPERM',
    run(ctx, path) {
      fails('EPERM', () => sys.link(path, ctx.path('second')));
    },
  }),
  single({
    id: 'link-lower-hard-links',
    operation: 'link',
    placement: 'lower',
    title: 'hard links of a lower layer stay one file when written to',
    needs: ['lower-hard-links'],
    layers: { lower1: { a: linked('same', 'x'), b: linked('same', 'x') } },
    run(ctx) {
      sys.writeFile(ctx.path('a'), 'written');
      equal(sys.readFile(ctx.path('b')), 'written');
    },
  }),
];
