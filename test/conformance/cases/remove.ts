import { deepEqual, equal, ok } from 'node:assert/strict';
import * as sys from '../../harness/sys/index.js';
import { type Case, single } from '../case.js';
import { fails } from '../fails.js';
import { CONTENT, onDirectory, onFile } from '../placements.js';
import { dir, file, special, symlink, whiteout } from '../tree.js';

const { O_NOFOLLOW, O_PATH, O_RDONLY, O_RDWR } = sys;
/** Objects without content in a file system. */
const WITHOUT_CONTENT = [
  { what: 'fifo', object: special(sys.S_IFIFO) },
  { what: 'socket', object: special(sys.S_IFSOCK) },
  { what: 'device', object: special(sys.S_IFCHR, 256 + 3) },
  { what: 'symlink', object: symlink('to') },
];
/** The ways in which an empty directory loses its name. */
const LOSSES = [
  { how: 'removed', lose: sys.rmdir },
  {
    how: 'replaced',
    lose: (path: string): void => {
      sys.mkdir(`${path}-new`);
      sys.rename(`${path}-new`, path);
    },
  },
];
const empty = (path: string): void => {
  for (const name of ['a', 'b', 'c']) sys.unlink(`${path}/${name}`);
};

export const removeCases: readonly Case[] = [
  ...onFile({
    id: 'unlink',
    operation: 'unlink',
    title: 'unlink removes the name, and no lower object appears under it',
    run(ctx, path) {
      sys.unlink(path);
      fails('ENOENT', () => sys.lstat(path));
      fails('ENOENT', () => sys.unlink(path));
      const names = sys.getdentsToEnd(ctx.open('d', O_RDONLY)).map(({ name }) => name);
      ok(!names.includes('f'));
    },
  }),
  ...onFile({
    id: 'unlink-recreate',
    operation: 'unlink',
    title: 'an unlinked name can be made again, also as another type',
    run(_, path) {
      sys.unlink(path);
      sys.mkdir(path);
      sys.writeFile(`${path}/x`, 'y');
      sys.unlink(`${path}/x`);
      sys.rmdir(path);
      sys.symlink('to', path);
      sys.unlink(path);
      sys.writeFile(path, 'again');
      equal(sys.readFile(path), 'again');
    },
  }),
  ...onFile({
    id: 'unlink-special',
    operation: 'unlink',
    title: 'a device can be unlinked',
    object: special(sys.S_IFCHR, 256 + 3),
    run(_, path) {
      sys.unlink(path);
      fails('ENOENT', () => sys.lstat(path));
    },
  }),
  ...onFile({
    id: 'unlink-symlink',
    operation: 'unlink',
    title: 'unlink of a symlink keeps its target',
    object: symlink('../kept'),
    run(ctx, path) {
      sys.writeFile(ctx.path('kept'), 'k');
      sys.unlink(path);
      fails('ENOENT', () => sys.lstat(path));
      equal(sys.readFile(ctx.path('kept')), 'k');
    },
  }),
  ...onFile({
    id: 'unlink-open',
    operation: 'unlink',
    title: 'an unlinked open file can be read, written and truncated, and has no links',
    object: file(CONTENT, { mode: 0o644 }),
    run(ctx, path) {
      const fd = ctx.open('d/f', O_RDWR);
      sys.unlink(path);
      equal(sys.fstat(fd).nlink, 0);
      equal(sys.pread(fd, 100, 0).toString(), CONTENT);
      sys.pwrite(fd, 'still writable', 0);
      equal(sys.pread(fd, 100, 0).toString(), 'still writable');
      sys.ftruncate(fd, 5);
      sys.fchmod(fd, 0o600);
      sys.fchown(fd, 1, 2);
      sys.futimens(fd, { sec: 1, nsec: 0 }, { sec: 2, nsec: 0 });
      const { size, mode, uid, gid, mtime } = sys.fstat(fd);
      deepEqual([size, mode & 0o7777, uid, gid, mtime.sec], [5, 0o600, 1, 2, 2]);
    },
  }),
  ...onFile({
    id: 'unlink-open-read-only',
    operation: 'unlink',
    title: 'an unlinked file that is open for reading keeps its content when a new one has its name',
    run(ctx, path) {
      const fd = ctx.open('d/f', O_RDONLY);
      sys.unlink(path);
      sys.writeFile(path, 'another file');
      equal(sys.pread(fd, 100, 0).toString(), CONTENT);
      equal(sys.readFile(path), 'another file');
      ok(sys.fstat(fd).ino !== sys.stat(path).ino);
    },
  }),
  ...onFile({
    id: 'unlink-open-fchmod-read-only',
    operation: 'fchmod',
    title: 'an unlinked file that is open for reading has no links, and fchmod changes it',
    needs: ['unlinked-lower'],
    run(ctx, path) {
      const fd = ctx.open('d/f', O_RDONLY);
      sys.unlink(path);
      equal(sys.fstat(fd).nlink, 0);
      sys.fchmod(fd, 0o640);
      equal(sys.fstat(fd).mode & 0o7777, 0o640);
      fails('ENOENT', () => sys.lstat(path));
    },
  }),
  ...WITHOUT_CONTENT.flatMap(({ what, object }) =>
    onFile({
      id: `unlink-held-${what}`,
      operation: 'unlink',
      // A copy-up by the kernel's overlayfs restores the old name.
      title: `an unlinked ${what} to which a descriptor refers can be changed without a name: chmod, chown, times`,
      needs: ['unlinked-lower', 'nameless-objects'],
      object,
      run(ctx, path) {
        const fd = ctx.open('d/f', O_PATH | O_NOFOLLOW);
        sys.unlink(path);
        const held = `/proc/self/fd/${fd}`;
        const before = sys.fstat(fd);
        sys.chown(held, 1, 2);
        if (what !== 'symlink') sys.chmod(held, 0o604);
        sys.utimensFollowing(held, { sec: 1, nsec: 0 }, { sec: 2, nsec: 0 });
        const mode = what === 'symlink' ? before.mode : (before.mode & sys.S_IFMT) | 0o604;
        const { ctime, ...after } = sys.fstat(fd);
        deepEqual(
          { ...after, ctime: before.ctime },
          { ...before, mode, uid: 1, gid: 2, nlink: 0, atime: { sec: 1, nsec: 0 }, mtime: { sec: 2, nsec: 0 } },
        );
        fails('ENOENT', () => sys.lstat(path));
      },
    }),
  ),
  ...onDirectory({
    id: 'unlink-directory',
    operation: 'unlink',
    title: 'unlink of a directory is EISDIR, rmdir of a file ENOTDIR',
    run(_, path) {
      fails('EISDIR', () => sys.unlink(path));
      fails('ENOTDIR', () => sys.rmdir(`${path}/a`));
    },
  }),
  ...onDirectory({
    id: 'unlink-parent-times',
    operation: 'unlink',
    title: "unlink sets the directory's mtime",
    directory: { mtime: 1000 },
    run(_, path) {
      sys.unlink(`${path}/c`);
      ok(sys.stat(path).mtime.sec > 1_000_000_000);
    },
  }),
  ...onDirectory({
    id: 'rmdir-not-empty',
    operation: 'rmdir',
    title: 'rmdir of a directory that shows an entry is ENOTEMPTY',
    run(_, path) {
      fails('ENOTEMPTY', () => sys.rmdir(path));
      sys.unlink(`${path}/a`);
      sys.unlink(`${path}/b`);
      fails('ENOTEMPTY', () => sys.rmdir(path));
      equal(sys.readFile(`${path}/c`), 'c');
    },
  }),
  ...onDirectory({
    id: 'rmdir-emptied',
    operation: 'rmdir',
    title: 'a directory whose entries were unlinked can be removed and made anew, empty',
    run(ctx, path) {
      empty(path);
      sys.rmdir(path);
      fails('ENOENT', () => sys.stat(path));
      sys.mkdir(path);
      equal(sys.getdentsToEnd(ctx.open('d', O_RDONLY)).length, 2);
      fails('ENOENT', () => sys.stat(`${path}/a`));
    },
  }),
  ...onDirectory({
    id: 'rmdir-open',
    operation: 'rmdir',
    title: 'a directory removed while it is open is empty, and accepts no new name',
    needs: ['nameless-objects'],
    run(ctx, path) {
      const fd = ctx.open('d', O_RDONLY);
      empty(path);
      sys.rmdir(path);
      fails('ENOENT', () => sys.getdents(fd));
      fails('ENOENT', () => sys.open('new', sys.O_CREAT | O_RDWR, 0o644, fd));
      ok(sys.isDirectory(sys.fstat(fd).mode));
    },
  }),
  ...onDirectory({
    id: 'rmdir-open-nlink',
    operation: 'rmdir',
    title: 'a directory removed while it is open has no links',
    needs: ['unlinked-lower', 'nameless-objects'],
    run(ctx, path) {
      const fd = ctx.open('d', O_RDONLY);
      empty(path);
      sys.rmdir(path);
      equal(sys.fstat(fd).nlink, 0);
    },
  }),
  ...onDirectory({
    id: 'rmdir-open-mode',
    operation: 'rmdir',
    title: 'a directory removed while it is open keeps its mode, also one without rights for its owner',
    needs: ['nameless-objects'],
    run(ctx, path) {
      const fd = ctx.open('d', O_RDONLY);
      empty(path);
      sys.chmod(path, 0o5067);
      sys.rmdir(path);
      equal(sys.fstat(fd).mode & 0o7777, 0o5067);
    },
  }),
  ...LOSSES.flatMap(({ how, lose }) =>
    onFile({
      id: `rmdir-held-${how}`,
      operation: 'rmdir',
      // The kernel's overlayfs returns ENOTDIR, unless it is in the upper.
      title: `an empty directory that is ${how} while it is open can be changed without a name: fchmod, fchown, times, xattrs`,
      needs: ['unlinked-lower', 'nameless-objects'],
      object: dir({}, { mode: 0o750 }),
      run(ctx, path) {
        const fd = ctx.open('d/f', O_RDONLY);
        const { ino } = sys.fstat(fd);
        lose(path);
        sys.fchmod(fd, 0o711);
        sys.fchown(fd, 1, 2);
        sys.futimens(fd, { sec: 1, nsec: 0 }, { sec: 2, nsec: 0 });
        sys.setxattr(`/proc/self/fd/${fd}/.`, 'user.x', 'value');
        equal(sys.fgetxattr(fd, 'user.x'), 'value');
        sys.fremovexattr(fd, 'user.x');
        const after = sys.fstat(fd);
        deepEqual(
          [after.mode & 0o7777, after.uid, after.gid, after.mtime, after.nlink, after.ino],
          [0o711, 1, 2, { sec: 2, nsec: 0 }, 0, ino],
        );
        fails('ENOENT', () => sys.open('new', sys.O_CREAT | O_RDWR, 0o644, fd));
      },
    }),
  ),
  ...onDirectory({
    id: 'rmdir-dots',
    operation: 'rmdir',
    title: 'rmdir of . is EINVAL and of .. ENOTEMPTY',
    placements: ['upper', 'lower', 'merged'],
    run(_, path) {
      fails('EINVAL', () => sys.rmdir(`${path}/.`));
      fails('ENOTEMPTY', () => sys.rmdir(`${path}/..`));
    },
  }),
  single({
    id: 'rmdir-only-whiteouts',
    operation: 'rmdir',
    placement: 'whiteout',
    title: 'a directory with whiteouts only is empty',
    layers: { upper: { d: dir({ a: whiteout, b: whiteout }) }, lower1: { d: dir({ a: 'x', b: dir({ c: 'y' }) }) } },
    run(ctx) {
      sys.rmdir(ctx.path('d'));
      fails('ENOENT', () => sys.stat(ctx.path('d')));
    },
  }),
  single({
    id: 'rmdir-middle-whiteouts',
    operation: 'rmdir',
    placement: 'deep',
    title: 'whiteouts of a middle layer count, entries below them do not',
    layers: {
      lower1: { d: dir({ a: whiteout }) },
      lower2: { d: dir({ a: 'hidden', b: whiteout }) },
      lower3: { d: dir({ a: 'x', b: 'y' }) },
    },
    run(ctx) {
      sys.rmdir(ctx.path('d'));
      fails('ENOENT', () => sys.stat(ctx.path('d')));
    },
  }),
  single({
    id: 'unlink-all-and-back',
    operation: 'unlink',
    placement: 'deep',
    title: 'a tree in three layers can be removed and built again',
    layers: {
      lower1: { t: dir({ x: dir({ one: '1' }) }) },
      lower2: { t: dir({ x: dir({ two: '2' }), y: 'y' }) },
      lower3: { t: dir({ x: dir({ three: '3' }), z: dir() }) },
    },
    run(ctx) {
      for (const name of ['x/one', 'x/two', 'x/three', 'y']) sys.unlink(ctx.path(`t/${name}`));
      for (const name of ['x', 'z', '']) sys.rmdir(ctx.path(`t/${name}`));
      fails('ENOENT', () => sys.stat(ctx.path('t')));
      sys.mkdir(ctx.path('t'));
      sys.mkdir(ctx.path('t/x'));
      deepEqual(
        sys.getdentsToEnd(ctx.open('t/x', O_RDONLY)).map(({ name }) => name),
        ['.', '..'],
      );
      fails('ENOENT', () => sys.stat(ctx.path('t/y')));
    },
  }),
];
