import { deepEqual, equal, ok } from 'node:assert/strict';
import * as sys from '../../harness/sys/index.js';
import { type Case, single } from '../case.js';
import { fails } from '../fails.js';
import { dir, file, type Layers, linked, symlink, whiteout } from '../tree.js';

const absent = (path: string): void => fails('ENOENT', () => sys.lstat(path));
const disk = (spec: Parameters<typeof single>[0]): Case => single({ ...spec, needs: ['upper', ...(spec.needs ?? [])] });

const LOWER: Layers = {
  lower1: {
    d: dir({ f: file('content', { uid: 5, gid: 6, mode: 0o640, mtime: 1000 }), s: dir({ x: 'x' }) }, { mtime: 2000 }),
  },
};

/** The objects and marks that a call leaves in the upper layer. */
export const onDiskCases: readonly Case[] = [
  disk({
    id: 'disk-read-only-access',
    operation: 'read',
    placement: 'lower',
    title: 'reading, listing, stat, access and executing copy nothing up',
    layers: LOWER,
    run(ctx) {
      sys.readFile(ctx.path('d/f'));
      sys.getdentsToEnd(ctx.open('d', sys.O_RDONLY));
      sys.stat(ctx.path('d/s/x'));
      sys.access(ctx.path('d/f'), 6);
      sys.listxattr(ctx.path('d/f'));
      const mapping = new sys.Mapping(ctx.open('d/f', sys.O_RDONLY), 7);
      mapping.unmap();
      absent(ctx.upper(''));
    },
  }),
  disk({
    id: 'disk-failed-changes',
    operation: 'open',
    placement: 'lower',
    title: 'a change that is refused copies nothing up',
    layers: LOWER,
    run(ctx) {
      fails('EEXIST', () => sys.mkdir(ctx.path('d/f')));
      fails('ENODATA', () => sys.removexattr(ctx.path('d/f'), 'user.none'));
      fails('EEXIST', () => sys.open(ctx.path('d/f'), sys.O_CREAT | sys.O_EXCL | sys.O_RDWR));
      fails('ENOTEMPTY', () => sys.rmdir(ctx.path('d')));
      sys.asUser(sys.ALICE, sys.STAFF, () => fails('EPERM', () => sys.chmod(ctx.path('d/f'), 0o777)));
      absent(ctx.upper('d'));
    },
  }),
  disk({
    id: 'disk-chown-nobody-stranger',
    operation: 'chown',
    placement: 'lower',
    needs: ['caller'],
    title: "a chown without an id does not copy up another user's set-id file",
    layers: { lower1: { d: dir({ f: file('#!', { mode: 0o6755 }) }) } },
    run(ctx) {
      sys.asUser(sys.ALICE, sys.STAFF, () => sys.outcome(() => sys.chown(ctx.path('d/f'), sys.KEEP, sys.KEEP)));
      absent(ctx.upper('d'));
    },
  }),
  disk({
    id: 'disk-copy-up',
    operation: 'write',
    placement: 'lower',
    needs: ['own-attributes'],
    title: 'a write copies the file and its directory up, with owners, modes and times; nothing else',
    layers: LOWER,
    run(ctx) {
      const fd = ctx.open('d/f', sys.O_RDWR);
      const { uid, gid, mode, mtime } = sys.lstat(ctx.upper('d/f'));
      deepEqual([uid, gid, mode, mtime.sec], [5, 6, sys.S_IFREG | 0o640, 1000]);
      sys.pwrite(fd, 'X', 0);
      equal(sys.readFile(ctx.upper('d/f')), 'Xontent');
      equal(sys.lstat(ctx.upper('d')).mtime.sec, 2000);
      absent(ctx.upper('d/s'));
      equal(ctx.isOpaque('d'), false);
    },
  }),
  single({
    id: 'numbers-after-parting',
    operation: 'readdir',
    placement: 'lower',
    title: 'stat and readdir agree on the number of a file whose copy-up broke its links',
    layers: { lower1: { a: linked('content', 'links'), b: linked('content', 'links') } },
    run(ctx) {
      const agree = (): void => {
        for (const entry of sys.getdentsToEnd(ctx.open('', sys.O_RDONLY | sys.O_DIRECTORY))) {
          if (entry.name === 'a' || entry.name === 'b')
            equal(entry.ino, sys.stat(ctx.path(entry.name)).ino, entry.name);
        }
      };
      agree();
      sys.write(ctx.open('a', sys.O_WRONLY | sys.O_APPEND), '+');
      agree();
    },
  }),
  disk({
    id: 'disk-copy-up-shows-ctime',
    operation: 'write',
    placement: 'lower',
    title: 'the ctime of file and directories is that on disk, also if it was read before the copy-up',
    needs: ['exact-times'],
    layers: LOWER,
    run(ctx) {
      for (const path of ['', 'd', 'd/f']) sys.stat(ctx.path(path));
      sys.write(ctx.open('d/f', sys.O_WRONLY | sys.O_APPEND), '+');
      for (const path of ['', 'd', 'd/f']) {
        deepEqual(sys.lstat(ctx.path(path)).ctime, sys.lstat(ctx.upper(path)).ctime, path);
      }
    },
  }),
  disk({
    id: 'disk-unlink',
    operation: 'unlink',
    placement: 'lower',
    title: 'unlink of a lower file leaves a whiteout',
    layers: LOWER,
    run(ctx) {
      sys.unlink(ctx.path('d/f'));
      ok(ctx.isWhiteout('d/f'));
    },
  }),
  disk({
    id: 'disk-unlink-upper',
    operation: 'unlink',
    placement: 'upper',
    title: 'unlink of an upper file leaves nothing',
    layers: { upper: { d: dir({ f: 'x' }) }, lower1: { d: dir() } },
    run(ctx) {
      sys.unlink(ctx.path('d/f'));
      absent(ctx.upper('d/f'));
    },
  }),
  disk({
    id: 'disk-unlink-merged',
    operation: 'unlink',
    placement: 'merged',
    title: 'unlink of a file that hides a lower one leaves a whiteout in its place',
    layers: { upper: { d: dir({ f: 'new' }) }, lower1: { d: dir({ f: 'old' }) } },
    run(ctx) {
      sys.unlink(ctx.path('d/f'));
      ok(ctx.isWhiteout('d/f'));
    },
  }),
  disk({
    id: 'disk-unlink-over-lower-whiteout',
    operation: 'unlink',
    placement: 'whiteout',
    title: 'unlink above a whiteout leaves no whiteout',
    layers: { upper: { d: dir({ f: 'new' }) }, lower1: { d: dir({ f: whiteout }) }, lower2: { d: dir({ f: 'old' }) } },
    run(ctx) {
      sys.unlink(ctx.path('d/f'));
      absent(ctx.path('d/f'));
    },
  }),
  disk({
    id: 'disk-rmdir',
    operation: 'rmdir',
    placement: 'merged',
    title: 'rmdir of a merged directory leaves one whiteout',
    layers: { upper: { d: dir({ f: whiteout, s: whiteout }) }, lower1: { d: dir({ f: 'x', s: dir() }) } },
    run(ctx) {
      sys.rmdir(ctx.path('d'));
      ok(ctx.isWhiteout('d'));
    },
  }),
  disk({
    id: 'disk-recreate',
    operation: 'create',
    placement: 'whiteout',
    title: 'a file made over a whiteout replaces it',
    layers: { upper: { d: dir({ f: whiteout }) }, lower1: { d: dir({ f: 'old' }) } },
    run(ctx) {
      sys.writeFile(ctx.path('d/f'), 'new');
      equal(sys.readFile(ctx.upper('d/f')), 'new');
    },
  }),
  disk({
    id: 'disk-mkdir-over-whiteout',
    operation: 'mkdir',
    placement: 'whiteout',
    title: 'a directory made over a whiteout is opaque',
    layers: { upper: { d: dir({ s: whiteout }) }, lower1: { d: dir({ s: dir({ x: 'hidden' }) }) } },
    run(ctx) {
      sys.mkdir(ctx.path('d/s'));
      equal(ctx.isOpaque('d/s'), true);
    },
  }),
  disk({
    id: 'disk-no-whiteouts-in-opaque',
    operation: 'unlink',
    placement: 'opaque',
    title: 'inside an opaque directory unlink leaves nothing',
    layers: { upper: { d: dir({ s: whiteout }) }, lower1: { d: dir({ s: dir({ x: 'hidden' }) }) } },
    run(ctx) {
      sys.mkdir(ctx.path('d/s'));
      sys.writeFile(ctx.path('d/s/x'), 'mine');
      sys.unlink(ctx.path('d/s/x'));
      absent(ctx.upper('d/s/x'));
    },
  }),
  disk({
    id: 'disk-rename',
    operation: 'rename',
    placement: 'lower',
    needs: ['data-with-attributes'],
    title: 'rename of a lower file leaves a whiteout at the old name and the file at the new one',
    layers: LOWER,
    run(ctx) {
      sys.rename(ctx.path('d/f'), ctx.path('d/g'));
      ok(ctx.isWhiteout('d/f'));
      equal(sys.readFile(ctx.upper('d/g')), 'content');
    },
  }),
  disk({
    id: 'disk-rename-over-whiteout',
    operation: 'rename',
    placement: 'whiteout',
    title: 'rename of an upper file over a whiteout leaves nothing at the old name',
    layers: { upper: { d: dir({ f: 'new', g: whiteout }) }, lower1: { d: dir({ g: 'old' }) } },
    run(ctx) {
      sys.rename(ctx.path('d/f'), ctx.path('d/g'));
      absent(ctx.upper('d/f'));
      equal(sys.readFile(ctx.upper('d/g')), 'new');
    },
  }),
  disk({
    id: 'disk-rename-directory-opaque',
    operation: 'rename',
    placement: 'merged',
    title: 'an upper directory renamed over a whiteout becomes opaque',
    layers: { upper: { p: dir({ x: whiteout }), n: dir({ own: 'o' }) }, lower1: { p: dir({ x: dir({ old: 'h' }) }) } },
    run(ctx) {
      sys.rename(ctx.path('n'), ctx.path('p/x'));
      equal(ctx.isOpaque('p/x'), true);
    },
  }),
  disk({
    id: 'disk-trunc-copies-no-data',
    operation: 'open',
    placement: 'lower',
    needs: ['own-attributes'],
    title: 'O_TRUNC leaves an empty file that keeps owner and mode',
    layers: { lower1: { f: file('z'.repeat(200_000), { uid: 5, mode: 0o604 }) } },
    run(ctx) {
      ctx.open('f', sys.O_WRONLY | sys.O_TRUNC);
      const { size, blocks, uid, mode } = sys.lstat(ctx.upper('f'));
      deepEqual([size, blocks, uid, mode & 0o777], [0, 0, 5, 0o604]);
    },
  }),
  disk({
    id: 'disk-holes-stay',
    operation: 'open',
    placement: 'lower',
    title: 'holes stay holes when a file is copied up',
    layers: { lower1: { d: dir({ f: file('start') }) } },
    run(ctx) {
      // A `Tree` cannot describe this hole: the first descriptor makes it, and renaming the file away and
      // back keeps it.
      const fd = ctx.open('d/f', sys.O_RDWR);
      sys.ftruncate(fd, 50 << 20);
      sys.pwrite(fd, 'end', (50 << 20) - 3);
      sys.rename(ctx.path('d/f'), ctx.path('d/g'));
      ok(sys.lstat(ctx.upper('d/g')).blocks < 100);
    },
  }),
  disk({
    id: 'disk-symlink-copy-up',
    operation: 'chown',
    placement: 'lower',
    title: 'a symlink is copied up as a symlink',
    layers: { lower1: { l: symlink('to', { mtime: 1000 }) } },
    run(ctx) {
      sys.lchown(ctx.path('l'), 5, 6);
      const { uid, gid, mtime } = sys.lstat(ctx.upper('l'));
      deepEqual([sys.readlink(ctx.upper('l')), uid, gid, mtime.sec], ['to', 5, 6, 1000]);
    },
  }),
  disk({
    id: 'disk-hard-link',
    operation: 'link',
    placement: 'lower',
    title: 'link of a lower file makes two names of one upper file',
    layers: LOWER,
    run(ctx) {
      sys.link(ctx.path('d/f'), ctx.path('d/g'));
      const [f, g] = [sys.lstat(ctx.upper('d/f')), sys.lstat(ctx.upper('d/g'))];
      deepEqual([f.ino, f.nlink], [g.ino, 2]);
    },
  }),
  disk({
    id: 'disk-hard-link-broken',
    operation: 'write',
    placement: 'lower',
    title: 'writing to one of two lower hard links copies that name up and leaves the lower file',
    layers: { lower1: { a: linked('same', 'x'), b: linked('same', 'x') } },
    run(ctx) {
      sys.writeFile(ctx.path('a'), 'new');
      equal(sys.readFile(ctx.path('a')), 'new');
      equal(sys.readFile(ctx.upper('a')), 'new');
      absent(ctx.upper('b'));
    },
  }),
  disk({
    id: 'disk-parents-copied',
    operation: 'mkdir',
    placement: 'deep',
    needs: ['own-attributes'],
    title: 'making a name deep in a lower tree copies the directories above it up, with their facts',
    layers: {
      lower2: {
        a: dir({ b: dir({ c: dir({ x: 'x' }, { mode: 0o2770, gid: 9 }) }, { mode: 0o711, uid: 7 }) }, { mtime: 1000 }),
      },
    },
    run(ctx) {
      sys.mkdir(ctx.path('a/b/c/new'));
      const facts = ['a', 'a/b', 'a/b/c'].map((name) => {
        const { mode, uid, gid } = sys.lstat(ctx.upper(name));
        return [mode & 0o7777, uid, gid];
      });
      deepEqual(facts, [
        [0o755, 0, 0],
        [0o711, 7, 0],
        [0o2770, 0, 9],
      ]);
      equal(sys.lstat(ctx.upper('a')).mtime.sec, 1000);
    },
  }),
];
