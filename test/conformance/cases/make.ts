import { deepEqual, equal, ok } from 'node:assert/strict';
import * as sys from '../../harness/sys/index.js';
import { type Case, type Context, single } from '../case.js';
import { fails } from '../fails.js';
import { onAbsence, onDirectory } from '../placements.js';
import { dir } from '../tree.js';

const OPEN_DIRECTORY = { mode: 0o777 };
/** Runs `make` as an ordinary user with umask 022, and returns type, mode and owner of the new object. */
function madeBy(path: string, make: () => void): [number, number, number] {
  sys.asUser(sys.ALICE, sys.STAFF, () => sys.withUmask(0o022, make));
  const { mode, uid, gid } = sys.lstat(path);
  return [mode, uid, gid];
}
const entryNames = (ctx: Context, relative: string): string[] =>
  sys
    .getdentsToEnd(ctx.open(relative, sys.O_RDONLY))
    .map(({ name }) => name)
    .sort();

export const makeCases: readonly Case[] = [
  ...onAbsence({
    id: 'mkdir',
    operation: 'mkdir',
    title: 'mkdir makes an empty directory that belongs to the caller, with the mode less the umask',
    needs: ['caller'],
    directory: OPEN_DIRECTORY,
    run(ctx, path) {
      deepEqual(
        madeBy(path, () => sys.mkdir(path, 0o777)),
        [sys.S_IFDIR | 0o755, sys.ALICE, sys.STAFF],
      );
      deepEqual(entryNames(ctx, 'd/n'), ['.', '..']);
      fails('ENOENT', () => sys.stat(`${path}/inside`));
    },
  }),
  ...onAbsence({
    id: 'mkdir-then-fill',
    operation: 'mkdir',
    title: 'a new directory can be filled, emptied and removed',
    run(_, path) {
      sys.mkdir(path);
      sys.writeFile(`${path}/inside`, 'mine');
      equal(sys.readFile(`${path}/inside`), 'mine');
      fails('ENOTEMPTY', () => sys.rmdir(path));
      sys.unlink(`${path}/inside`);
      sys.rmdir(path);
      fails('ENOENT', () => sys.stat(path));
    },
  }),
  ...onDirectory({
    id: 'mkdir-existing',
    operation: 'mkdir',
    title: 'mkdir, symlink, mknod and link at an existing name are EEXIST',
    run(_, path) {
      fails('EEXIST', () => sys.mkdir(path));
      fails('EEXIST', () => sys.mkdir(`${path}/c`));
      fails('EEXIST', () => sys.symlink('x', `${path}/a`));
      fails('EEXIST', () => sys.mknod(`${path}/b`, sys.S_IFIFO | 0o600));
      fails('EEXIST', () => sys.link(`${path}/a`, `${path}/c`));
    },
  }),
  ...onAbsence({
    id: 'mkdir-setgid',
    operation: 'mkdir',
    title: 'an object made in a set-gid directory has its group, and a directory inherits the bit',
    needs: ['caller'],
    directory: { mode: 0o2777, gid: 4242 },
    run(_, path) {
      deepEqual(
        madeBy(path, () => sys.mkdir(path, 0o775)),
        [sys.S_IFDIR | 0o2755, sys.ALICE, 4242],
      );
      const inner = `${path}/f`;
      deepEqual(
        madeBy(inner, () => sys.writeFile(inner, 'x', 0o664)),
        [sys.S_IFREG | 0o644, sys.ALICE, 4242],
      );
    },
  }),
  ...onAbsence({
    id: 'mkdir-parent-times',
    operation: 'mkdir',
    title: "making a name sets its directory's mtime",
    directory: { mtime: 1000 },
    run(ctx, path) {
      sys.mkdir(path);
      ok(sys.stat(ctx.path('d')).mtime.sec > 1_000_000_000);
    },
  }),
  ...onAbsence({
    id: 'mknod-fifo',
    operation: 'mknod',
    title: 'mknod makes a fifo, a socket and a regular file',
    needs: ['caller'],
    directory: OPEN_DIRECTORY,
    run(ctx, path) {
      deepEqual(
        madeBy(path, () => sys.mknod(path, sys.S_IFIFO | 0o666)),
        [sys.S_IFIFO | 0o644, sys.ALICE, sys.STAFF],
      );
      sys.mknod(ctx.path('d/socket'), sys.S_IFSOCK | 0o600);
      equal(sys.stat(ctx.path('d/socket')).mode, sys.S_IFSOCK | 0o600);
      sys.mknod(ctx.path('d/regular'), sys.S_IFREG | 0o604);
      equal(sys.stat(ctx.path('d/regular')).mode, sys.S_IFREG | 0o604);
    },
  }),
  ...onAbsence({
    id: 'mknod-device',
    operation: 'mknod',
    title: 'mknod makes devices for root, and is EPERM for others',
    directory: OPEN_DIRECTORY,
    run(ctx, path) {
      sys.asUser(sys.ALICE, sys.STAFF, () => fails('EPERM', () => sys.mknod(path, sys.S_IFCHR | 0o600, 259)));
      sys.mknod(path, sys.S_IFCHR | 0o600, 256 + 7);
      sys.mknod(ctx.path('d/block'), sys.S_IFBLK | 0o600, 7 * 256 + 200);
      deepEqual([sys.stat(path).rdev, sys.stat(ctx.path('d/block')).rdev], ['1:7', '7:200']);
    },
  }),
  ...onAbsence({
    id: 'mknod-device-zero-refused',
    operation: 'mknod',
    title: 'device 0:0 is a whiteout and cannot be made: EPERM',
    needs: ['device-zero-reserved'],
    run(_, path) {
      fails('EPERM', () => sys.mknod(path, sys.S_IFCHR, 0));
      fails('ENOENT', () => sys.lstat(path));
    },
  }),
  single({
    id: 'mknod-device-zero',
    operation: 'mknod',
    title: 'device 0:0 is an ordinary device',
    needs: ['device-zero'],
    run(ctx) {
      sys.mknod(ctx.path('zero'), sys.S_IFCHR, 0);
      equal(sys.stat(ctx.path('zero')).rdev, '0:0');
    },
  }),
  single({
    id: 'make-in-missing',
    operation: 'mkdir',
    placement: 'merged',
    title: 'making a name in a missing directory is ENOENT, in a file ENOTDIR',
    layers: { upper: { a: dir() }, lower1: { f: 'file' } },
    run(ctx) {
      for (const make of [
        (path: string) => sys.mkdir(path),
        (path: string) => sys.symlink('x', path),
        (path: string) => sys.mknod(path, sys.S_IFIFO),
        (path: string) => sys.writeFile(path, ''),
        (path: string) => sys.link(ctx.path('f'), path),
      ]) {
        fails('ENOENT', () => make(ctx.path('a/none/x')));
        fails('ENOTDIR', () => make(ctx.path('f/x')));
      }
    },
  }),
  ...onAbsence({
    id: 'make-deep',
    operation: 'mkdir',
    title: 'a chain of new directories can be made, each with a file',
    run(ctx) {
      let at = 'd';
      for (const name of ['n', 'o', 'p', 'q']) {
        at = `${at}/${name}`;
        sys.mkdir(ctx.path(at));
        sys.writeFile(ctx.path(`${at}/file`), name);
      }
      equal(sys.readFile(ctx.path('d/n/o/p/q/file')), 'q');
      deepEqual(entryNames(ctx, 'd/n/o'), ['.', '..', 'file', 'p']);
    },
  }),
  ...onAbsence({
    id: 'symlink',
    operation: 'symlink',
    title: 'symlink keeps its target byte for byte',
    needs: ['byte-names'],
    directory: OPEN_DIRECTORY,
    run(_, path) {
      const target = `../a//b\xff${'x'.repeat(200)}`;
      deepEqual(
        madeBy(path, () => sys.symlink(target, path)),
        [sys.S_IFLNK | 0o777, sys.ALICE, sys.STAFF],
      );
      equal(sys.readlink(path), target);
      equal(sys.lstat(path).size, target.length);
    },
  }),
];
