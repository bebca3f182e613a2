import { deepEqual, equal, ok } from 'node:assert/strict';
import * as sys from '../../harness/sys/index.js';
import { type Case, single } from '../case.js';
import { fails } from '../fails.js';
import { CONTENT, onDirectory, onFile } from '../placements.js';
import { file, special, symlink } from '../tree.js';

const { O_RDONLY, O_RDWR } = sys;
const modeOf = (path: string): number => sys.lstat(path).mode & 0o7777;
const ownerOf = (path: string): [number, number] => [sys.lstat(path).uid, sys.lstat(path).gid];

export const attributeCases: readonly Case[] = [
  ...onFile({
    id: 'chmod-file',
    operation: 'chmod',
    title: 'chmod sets all twelve bits, and keeps content, owner and mtime',
    object: file(CONTENT, { uid: 1001, gid: 1002, mtime: 1000 }),
    run(_, path) {
      sys.chmod(path, 0o6751);
      equal(modeOf(path), 0o6751);
      deepEqual([ownerOf(path), sys.stat(path).mtime.sec, sys.readFile(path)], [[1001, 1002], 1000, CONTENT]);
    },
  }),
  ...onFile({
    id: 'fchmod-file',
    operation: 'fchmod',
    title: 'fchmod works on a descriptor opened for reading',
    run(ctx, path) {
      const fd = ctx.open('d/f', O_RDONLY);
      sys.fchmod(fd, 0o604);
      deepEqual([modeOf(path), sys.fstat(fd).mode & 0o7777], [0o604, 0o604]);
    },
  }),
  ...onDirectory({
    id: 'chmod-directory',
    operation: 'chmod',
    title: 'chmod of a directory keeps its entries',
    run(_, path) {
      sys.chmod(path, 0o1711);
      equal(modeOf(path), 0o1711);
      equal(sys.readFile(`${path}/a`), 'a');
      equal(sys.readFile(`${path}/c`), 'c');
    },
  }),
  ...onFile({
    id: 'chmod-fifo',
    operation: 'chmod',
    title: 'chmod and chown change a fifo',
    object: special(sys.S_IFIFO),
    run(_, path) {
      sys.chmod(path, 0o620);
      sys.chown(path, 5, 6);
      deepEqual([sys.stat(path).mode, ownerOf(path)], [sys.S_IFIFO | 0o620, [5, 6]]);
    },
  }),
  ...onFile({
    id: 'chown-file',
    operation: 'chown',
    title: 'chown sets owner and group, or one of them',
    run(_, path) {
      sys.chown(path, 1001, 1002);
      deepEqual(ownerOf(path), [1001, 1002]);
      sys.chown(path, sys.KEEP, 7);
      deepEqual(ownerOf(path), [1001, 7]);
      sys.chown(path, 8, sys.KEEP);
      deepEqual(ownerOf(path), [8, 7]);
      equal(sys.readFile(path), CONTENT);
    },
  }),
  ...onFile({
    id: 'fchown-file',
    operation: 'fchown',
    title: 'fchown changes the owner through an open descriptor',
    run(ctx, path) {
      sys.fchown(ctx.open('d/f', O_RDONLY), 11, 12);
      deepEqual(ownerOf(path), [11, 12]);
    },
  }),
  ...onDirectory({
    id: 'chown-directory',
    operation: 'chown',
    title: 'chown changes a directory and keeps its entries',
    run(_, path) {
      sys.chown(path, 1001, 1002);
      deepEqual(ownerOf(path), [1001, 1002]);
      equal(sys.readFile(`${path}/b`), 'b');
    },
  }),
  ...onFile({
    id: 'lchown-symlink',
    operation: 'chown',
    title: 'lchown changes the symlink, not its target',
    object: symlink('../target'),
    run(ctx, path) {
      sys.writeFile(ctx.path('target'), 't');
      sys.lchown(path, 21, 22);
      deepEqual([ownerOf(path), ownerOf(ctx.path('target')), sys.readlink(path)], [[21, 22], [0, 0], '../target']);
    },
  }),
  ...onFile({
    id: 'utimens-exact',
    operation: 'utimens',
    title: 'times have nanoseconds, also before 1970',
    needs: ['exact-times'],
    run(_, path) {
      sys.utimens(path, { sec: -3, nsec: 999_999_999 }, { sec: 1_700_000_000, nsec: 123_456_789 });
      const { atime, mtime } = sys.stat(path);
      deepEqual(
        [atime, mtime],
        [
          { sec: -3, nsec: 999_999_999 },
          { sec: 1_700_000_000, nsec: 123_456_789 },
        ],
      );
      equal(sys.readFile(path), CONTENT);
    },
  }),
  ...onFile({
    id: 'utimens-omit-now',
    operation: 'utimens',
    title: 'UTIME_OMIT keeps a time, UTIME_NOW sets the current one',
    needs: ['exact-times'],
    object: file(CONTENT, { mtime: 1000 }),
    run(_, path) {
      sys.utimens(path, { sec: 5, nsec: 6 }, sys.OMIT);
      deepEqual([sys.stat(path).atime, sys.stat(path).mtime.sec], [{ sec: 5, nsec: 6 }, 1000]);
      sys.utimens(path, sys.OMIT, sys.NOW);
      const { atime, mtime } = sys.stat(path);
      equal(atime.sec, 5);
      ok(mtime.sec > 1_600_000_000);
    },
  }),
  ...onFile({
    id: 'futimens-read-descriptor',
    operation: 'utimens',
    title: 'futimens sets times through a descriptor opened for reading',
    needs: ['exact-times'],
    run(ctx, path) {
      const fd = ctx.open('d/f', O_RDONLY);
      sys.futimens(fd, { sec: 1, nsec: 2 }, { sec: 3, nsec: 4 });
      deepEqual(sys.stat(path).mtime, { sec: 3, nsec: 4 });
      deepEqual(sys.fstat(fd).mtime, { sec: 3, nsec: 4 });
    },
  }),
  ...onFile({
    id: 'utimens-after-write',
    operation: 'utimens',
    title: 'times set through an open descriptor after a write stay when it is closed',
    needs: ['exact-times'],
    run(ctx, path) {
      const fd = sys.open(ctx.path('d/f'), O_RDWR);
      sys.write(fd, 'unpacked');
      sys.futimens(fd, { sec: 10, nsec: 0 }, { sec: 20, nsec: 5 });
      sys.close(fd);
      deepEqual(sys.stat(path).mtime, { sec: 20, nsec: 5 });
    },
  }),
  ...onFile({
    id: 'utimens-symlink',
    operation: 'utimens',
    title: 'a symlink has its own times',
    needs: ['exact-times'],
    object: symlink('nowhere'),
    run(_, path) {
      sys.utimens(path, { sec: 1, nsec: 1 }, { sec: 2, nsec: 2 });
      deepEqual([sys.lstat(path).mtime, sys.readlink(path)], [{ sec: 2, nsec: 2 }, 'nowhere']);
    },
  }),
  ...onDirectory({
    id: 'utimens-directory',
    operation: 'utimens',
    title: 'times of a directory can be set, and reading it does not change its mtime',
    needs: ['exact-times'],
    run(ctx, path) {
      sys.utimens(path, { sec: 1, nsec: 1 }, { sec: 2, nsec: 2 });
      sys.getdentsToEnd(ctx.open('d', O_RDONLY));
      sys.readFile(`${path}/a`);
      deepEqual(sys.stat(path).mtime, { sec: 2, nsec: 2 });
    },
  }),
  ...onDirectory({
    id: 'copy-up-keeps-parent-mtime',
    operation: 'chmod',
    title: 'changing a file keeps the mtime of its directory',
    directory: { mtime: 5000 },
    run(_, path) {
      sys.chmod(`${path}/a`, 0o600);
      sys.writeFile(`${path}/c`, 'changed');
      equal(sys.stat(path).mtime.sec, 5000);
    },
  }),
  single({
    id: 'utimens-permission',
    operation: 'utimens',
    placement: 'lower',
    title: 'a user with write permission can set times to now; only the owner can set other times',
    layers: { lower1: { f: file('x', { mode: 0o666 }) } },
    run(ctx) {
      const path = ctx.path('f');
      sys.asUser(sys.ALICE, sys.STAFF, () => {
        fails('EPERM', () => sys.utimens(path, { sec: 1, nsec: 0 }, { sec: 1, nsec: 0 }));
        sys.utimens(path, sys.NOW, sys.NOW);
      });
    },
  }),
];
