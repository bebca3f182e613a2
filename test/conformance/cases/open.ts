import { deepEqual, equal, notEqual } from 'node:assert/strict';
import * as sys from '../../harness/sys/index.js';
import { type Case, single } from '../case.js';
import { fails } from '../fails.js';
import { CONTENT, IN_LOWER, onAbsence, onDirectory, onFile } from '../placements.js';
import { dir, special, symlink } from '../tree.js';

const { O_APPEND, O_CREAT, O_DIRECT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_PATH, O_RDONLY, O_RDWR, O_TMPFILE } = sys;
const { O_TRUNC, O_WRONLY } = sys;

export const openCases: readonly Case[] = [
  ...onFile({
    id: 'open-append',
    operation: 'open',
    title: 'O_APPEND writes at the end, wherever the position is',
    run(ctx, path) {
      const fd = ctx.open('d/f', O_RDWR | O_APPEND);
      sys.lseek(fd, 2, sys.SEEK_SET);
      equal(sys.write(fd, '+more'), 5);
      equal(sys.readFile(path), `${CONTENT}+more`);
      equal(sys.lseek(fd, 0, sys.SEEK_CUR), CONTENT.length + 5);
    },
  }),
  ...onFile({
    id: 'open-append-two',
    operation: 'open',
    title: 'two O_APPEND descriptors never overwrite one another',
    run(ctx, path) {
      const one = ctx.open('d/f', O_WRONLY | O_APPEND);
      const two = ctx.open('d/f', O_WRONLY | O_APPEND);
      for (let i = 0; i < 3; i++) {
        sys.write(one, 'a');
        sys.write(two, 'b');
      }
      equal(sys.readFile(path), `${CONTENT}ababab`);
    },
  }),
  ...onFile({
    id: 'open-truncate-read-only',
    operation: 'open',
    title: 'O_TRUNC empties a file that is opened for reading only',
    run(ctx, path) {
      const fd = ctx.open('d/f', O_RDONLY | O_TRUNC);
      equal(sys.fstat(fd).size, 0);
      equal(sys.readFile(path), '');
      fails('EBADF', () => sys.write(fd, 'x'));
    },
  }),
  ...onFile({
    id: 'open-trunc',
    operation: 'open',
    title: 'O_TRUNC empties the file and keeps mode and inode',
    run(ctx, path) {
      const before = sys.stat(path);
      const fd = ctx.open('d/f', O_WRONLY | O_TRUNC);
      deepEqual([sys.fstat(fd).size, sys.stat(path).size], [0, 0]);
      sys.write(fd, 'new');
      equal(sys.readFile(path), 'new');
      const after = sys.stat(path);
      deepEqual([after.ino, after.mode], [before.ino, before.mode]);
    },
  }),
  ...onFile({
    id: 'open-creat-existing',
    operation: 'open',
    title: 'O_CREAT opens an existing file and keeps its mode; with O_EXCL it is EEXIST',
    run(ctx, path) {
      const fd = ctx.open('d/f', O_RDWR | O_CREAT, 0o600);
      equal(sys.read(fd, 100).toString(), CONTENT);
      equal(sys.stat(path).mode, sys.S_IFREG | 0o644);
      fails('EEXIST', () => sys.open(path, O_RDWR | O_CREAT | O_EXCL));
    },
  }),
  ...onAbsence({
    id: 'open-creat-new',
    operation: 'create',
    title: 'O_CREAT | O_EXCL makes the file with mode less umask and the caller as owner',
    needs: ['caller'],
    directory: { mode: 0o777 },
    run(ctx, path) {
      const fd = sys.asUser(sys.ALICE, sys.STAFF, () =>
        sys.withUmask(0o027, () => ctx.open('d/n', O_RDWR | O_CREAT | O_EXCL, 0o666)),
      );
      sys.write(fd, 'fresh');
      const { mode, uid, gid, size, nlink } = sys.stat(path);
      deepEqual([mode, uid, gid, size, nlink], [sys.S_IFREG | 0o640, sys.ALICE, sys.STAFF, 5, 1]);
      equal(sys.readFile(path), 'fresh');
    },
  }),
  ...onAbsence({
    id: 'open-creat-readonly-mode',
    operation: 'create',
    title: 'a file created with mode 0 is writable through its first descriptor',
    directory: { mode: 0o777 },
    run(ctx, path) {
      const fd = sys.asUser(sys.ALICE, sys.STAFF, () => ctx.open('d/n', O_WRONLY | O_CREAT, 0));
      sys.write(fd, 'x');
      deepEqual([sys.stat(path).mode, sys.stat(path).size], [sys.S_IFREG, 1]);
    },
  }),
  ...onFile({
    id: 'open-access-modes',
    operation: 'open',
    title: 'a descriptor allows only the access it was opened for: EBADF',
    run(ctx) {
      const reader = ctx.open('d/f', O_RDONLY);
      const writer = ctx.open('d/f', O_WRONLY);
      fails('EBADF', () => sys.write(reader, 'x'));
      fails('EBADF', () => sys.read(writer, 1));
      fails('EINVAL', () => sys.ftruncate(reader, 0));
    },
  }),
  ...onDirectory({
    id: 'open-directory',
    operation: 'open',
    title: 'a directory opens for reading only, and cannot be read as a file',
    run(ctx, path) {
      fails('EISDIR', () => sys.open(path, O_WRONLY));
      fails('EISDIR', () => sys.open(path, O_RDWR));
      fails('EISDIR', () => sys.open(path, O_RDONLY | O_CREAT));
      const fd = ctx.open('d', O_RDONLY | O_DIRECTORY);
      fails('EISDIR', () => sys.read(fd, 10));
      equal(sys.fstat(fd).ino, sys.stat(path).ino);
    },
  }),
  ...onFile({
    id: 'open-nofollow',
    operation: 'open',
    title: 'O_NOFOLLOW refuses a symlink: ELOOP, and O_PATH | O_NOFOLLOW opens the link itself',
    object: symlink('nowhere'),
    run(ctx, path) {
      fails('ELOOP', () => sys.open(path, O_RDONLY | O_NOFOLLOW));
      fails('ENOENT', () => sys.open(path, O_RDONLY));
      fails('EEXIST', () => sys.open(path, O_WRONLY | O_CREAT | O_EXCL));
      const fd = ctx.open('d/f', O_PATH | O_NOFOLLOW);
      equal(sys.fstat(fd).mode & sys.S_IFMT, sys.S_IFLNK);
    },
  }),
  ...onFile({
    id: 'open-path',
    operation: 'open',
    title: 'an O_PATH descriptor refers to the file, also after its copy-up',
    run(ctx, path) {
      const fd = ctx.open('d/f', O_PATH);
      fails('EBADF', () => sys.read(fd, 1));
      sys.writeFile(path, 'longer than before');
      equal(sys.fstat(fd).size, 18);
      equal(sys.readFile(`/proc/self/fd/${fd}`), 'longer than before');
    },
  }),
  ...onFile({
    id: 'open-readers-see-writes',
    operation: 'open',
    title: 'a descriptor opened for reading before the first write shows it',
    run(ctx) {
      const reader = ctx.open('d/f', O_RDONLY);
      equal(sys.pread(reader, 100, 0).toString(), CONTENT);
      const writer = ctx.open('d/f', O_WRONLY);
      sys.pwrite(writer, 'CHANGED', 0);
      equal(sys.pread(reader, 100, 0).toString(), 'CHANGED');
    },
  }),
  ...onAbsence({
    id: 'open-tmpfile',
    operation: 'tmpfile',
    title: 'O_TMPFILE makes a file without a name that can be given one',
    needs: ['tmpfile'],
    directory: { mode: 0o777 },
    run(ctx, path) {
      const fd = sys.asUser(sys.ALICE, sys.STAFF, () => ctx.open('d', O_TMPFILE | O_RDWR, 0o640));
      const { nlink, uid, mode } = sys.fstat(fd);
      deepEqual([nlink, uid, mode], [0, sys.ALICE, sys.S_IFREG | 0o640]);
      sys.write(fd, 'nameless');
      sys.linkTmpfile(fd, path);
      equal(sys.readFile(path), 'nameless');
      deepEqual([sys.fstat(fd).nlink, sys.stat(path).ino], [1, sys.fstat(fd).ino]);
    },
  }),
  ...onAbsence({
    id: 'open-tmpfile-excl',
    operation: 'tmpfile',
    title: 'O_TMPFILE | O_EXCL makes a file that can never be named',
    needs: ['tmpfile'],
    placements: ['upper', 'lower'],
    run(ctx, path) {
      const fd = ctx.open('d', O_TMPFILE | O_RDWR | O_EXCL, 0o600);
      sys.write(fd, 'x');
      fails('ENOENT', () => sys.linkTmpfile(fd, path));
    },
  }),
  ...onFile({
    id: 'open-direct',
    operation: 'open',
    title: 'O_DIRECT reads and writes whole blocks that are visible to others',
    needs: ['o-direct'],
    run(ctx, path) {
      const fd = ctx.open('d/f', O_RDWR | O_DIRECT);
      equal(sys.pwriteAligned(fd, 0x41, 8192, 0), 8192);
      equal(sys.preadAligned(fd, 4096, 4096).toString('latin1'), 'A'.repeat(4096));
      equal(sys.readFile(path), 'A'.repeat(8192));
    },
  }),
  ...onFile({
    id: 'open-fifo',
    operation: 'open',
    title: 'a fifo connects its two ends',
    object: special(sys.S_IFIFO),
    run(ctx) {
      const reader = ctx.open('d/f', O_RDONLY | sys.O_NONBLOCK);
      const writer = ctx.open('d/f', O_WRONLY);
      sys.write(writer, 'through');
      equal(sys.read(reader, 100).toString(), 'through');
    },
  }),
  ...onFile({
    id: 'open-fifo-no-reader',
    operation: 'open',
    title: 'a fifo without a reader is ENXIO for a writer with O_NONBLOCK',
    object: special(sys.S_IFIFO),
    placements: ['upper', 'lower'],
    run(_, path) {
      fails('ENXIO', () => sys.open(path, O_WRONLY | sys.O_NONBLOCK));
    },
  }),
  ...onFile({
    id: 'open-socket',
    operation: 'open',
    title: 'a socket cannot be opened: ENXIO',
    object: special(sys.S_IFSOCK),
    placements: ['upper', 'lower', 'merged'],
    run(_, path) {
      fails('ENXIO', () => sys.open(path, O_RDONLY));
    },
  }),
  ...onFile({
    id: 'open-device',
    operation: 'open',
    title: 'a device node opens the device',
    object: special(sys.S_IFCHR, 256 + 5, { mode: 0o666 }),
    placements: ['upper', 'lower', 'merged'],
    run(ctx) {
      const zero = ctx.open('d/f', O_RDWR);
      equal(sys.read(zero, 3).toString('hex'), '000000');
      equal(sys.write(zero, 'swallowed'), 9);
    },
  }),
  single({
    id: 'open-creat-through-symlink',
    operation: 'create',
    placement: 'merged',
    title: 'O_CREAT through a dangling symlink makes its target',
    layers: { upper: { u: '' }, lower1: { s: symlink('d/made'), d: dir() } },
    run(ctx) {
      sys.writeFile(ctx.path('s'), 'via link');
      equal(sys.readFile(ctx.path('d/made')), 'via link');
      equal(sys.lstat(ctx.path('s')).mode & sys.S_IFMT, sys.S_IFLNK);
    },
  }),
  ...onFile({
    id: 'open-status-flags',
    operation: 'fcntl',
    title: 'O_APPEND can be switched on later',
    placements: ['upper', ...IN_LOWER],
    run(ctx, path) {
      const fd = ctx.open('d/f', O_WRONLY);
      sys.setStatusFlags(fd, O_APPEND);
      notEqual(sys.getStatusFlags(fd) & O_APPEND, 0);
      sys.pwrite(fd, '!', 0);
      equal(sys.readFile(path), `${CONTENT}!`);
    },
  }),
];
