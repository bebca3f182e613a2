/**
 * Changes that are refused because of the object, the caller or the place: EPERM, EACCES, ETXTBSY, EBUSY,
 * EXDEV.
 */
import { equal } from 'node:assert/strict';
import * as sys from '../../harness/sys/index.js';
import type { Case, Context } from '../case.js';
import { fails } from '../fails.js';
import { CONTENT } from '../placements.js';
import { onScene } from '../scene.js';

const { F_RDLCK, F_UNLCK, F_WRLCK, FS_APPEND_FL, FS_IMMUTABLE_FL, O_APPEND, O_CREAT, O_NONBLOCK } = sys;
const { O_NOATIME, O_PATH, O_RDONLY, O_RDWR, O_TMPFILE, O_TRUNC, O_WRONLY } = sys;
const alice = <T>(body: () => T): T => sys.asUser(sys.ALICE, sys.STAFF, body);
const PAST = { sec: 1, nsec: 0 };
/** A directory of another file system in which all users can make files. */
const ELSEWHERE = '/dev/shm';

function flagged(ctx: Context, relative: string, flag: number): void {
  const fd = ctx.open(relative, O_RDONLY);
  const before = sys.getInodeFlags(fd);
  sys.setInodeFlags(fd, before | flag);
  ctx.defer(() => sys.setInodeFlags(fd, before));
}

export const refusalCases: readonly Case[] = [
  ...onScene({
    id: 'refused-stranger',
    operation: 'chmod',
    title: "changing attributes of another user's file is EPERM, and EACCES for times set to now",
    objects: ['f', 'l', 'sticky'],
    run(at, ctx) {
      const fd = ctx.open('d/f', O_RDONLY);
      alice(() => {
        fails('EPERM', () => sys.chmod(at('f'), 0o777));
        fails('EPERM', () => sys.fchmod(fd, 0o777));
        fails('EPERM', () => sys.chown(at('f'), sys.ALICE, sys.KEEP));
        fails('EPERM', () => sys.lchown(at('l'), sys.ALICE, sys.KEEP));
        fails('EPERM', () => sys.fchown(fd, sys.ALICE, sys.KEEP));
        fails('EPERM', () => sys.utimens(at('f'), PAST, PAST));
        fails('EPERM', () => sys.futimens(fd, PAST, PAST));
        fails('EACCES', () => sys.utimensFollowing(at('f'), sys.NOW, sys.NOW));
        fails('EACCES', () => sys.futimens(fd, sys.NOW, sys.NOW));
        fails('EACCES', () => sys.truncate(at('f'), 0));
        fails('EACCES', () => sys.open(at('f'), O_RDWR));
        fails('EACCES', () => sys.open(at('f'), O_RDONLY | O_TRUNC));
        fails('EPERM', () => sys.open(at('f'), O_RDONLY | O_NOATIME));
        fails('EACCES', () => sys.access(at('f'), 2));
        fails('EACCES', () => sys.exec(at('f')));
        fails('EPERM', () => sys.setxattr(at('sticky'), 'user.x', 'x'));
        fails('EPERM', () => sys.removexattr(at('sticky'), 'user.x'));
        const directory = sys.open(at('sticky'), O_RDONLY);
        fails('EPERM', () => sys.fsetxattr(directory, 'user.x', 'x'));
        fails('EPERM', () => sys.fremovexattr(directory, 'user.x'));
        sys.close(directory);
      });
      equal(sys.readFile(at('f')), CONTENT);
    },
  }),
  ...onScene({
    id: 'refused-names',
    operation: 'unlink',
    title: 'changing names in a directory without write permission is EACCES, in a sticky one EPERM',
    objects: ['a', 'g', 'e', 'sticky'],
    run(at) {
      alice(() => {
        for (const change of [
          () => sys.mkdir(at('new')),
          () => sys.mknod(at('new'), sys.S_IFIFO),
          () => sys.symlink('to', at('new')),
          () => sys.open(at('new'), O_CREAT | O_WRONLY),
          () => sys.unlink(at('g')),
          () => sys.rmdir(at('e')),
          () => sys.rename(at('a'), at('b')),
          () => sys.rename(at('a'), at('sticky/new')),
          () => sys.link(at('a'), at('b')),
        ]) {
          fails('EACCES', change);
        }
        fails('EPERM', () => sys.unlink(at('sticky/f')));
        fails('EPERM', () => sys.rmdir(at('sticky/s')));
        fails('EPERM', () => sys.rename(at('sticky/f'), at('sticky/g')));
        fails('EPERM', () => sys.mknod(at('sticky/device'), sys.S_IFCHR, 259));
        fails('EPERM', () => sys.link(at('e'), at('sticky/e')));
      });
    },
  }),
  ...onScene({
    id: 'refused-names-flags',
    operation: 'rename EXCHANGE',
    title: 'the flags of rename, and O_TMPFILE, need the same permissions',
    objects: ['a', 'g', 'sticky'],
    needs: ['rename-flags', 'tmpfile'],
    run(at) {
      alice(() => {
        fails('EACCES', () => sys.rename(at('a'), at('new'), sys.RENAME_NOREPLACE));
        fails('EACCES', () => sys.rename(at('a'), at('g'), sys.RENAME_EXCHANGE));
        fails('EPERM', () => sys.rename(at('sticky/f'), at('sticky/g'), sys.RENAME_NOREPLACE));
        fails('EACCES', () => sys.open(at(''), O_TMPFILE | O_RDWR));
      });
    },
  }),
  ...onScene({
    id: 'refused-immutable',
    operation: 'ioctl',
    title: 'an immutable file refuses each change, also through a descriptor opened before: EPERM',
    objects: ['f', 'g'],
    needs: ['inode-flags'],
    run(at, ctx) {
      const fd = ctx.open('d/f', O_RDWR);
      const from = ctx.open('d/g', O_RDONLY);
      flagged(ctx, 'd/f', FS_IMMUTABLE_FL);
      for (const change of [
        () => sys.open(at('f'), O_WRONLY),
        () => sys.chmod(at('f'), 0o600),
        () => sys.fchmod(fd, 0o600),
        () => sys.chown(at('f'), 1, 1),
        () => sys.lchown(at('f'), 1, 1),
        () => sys.fchown(fd, 1, 1),
        () => sys.utimens(at('f'), PAST, PAST),
        () => sys.futimens(fd, PAST, PAST),
        () => sys.truncate(at('f'), 0),
        () => sys.fallocate(fd, 0, 0, 100_000),
        () => sys.copyFileRange(from, 0, fd, 0, 3),
        () => sys.setxattr(at('f'), 'user.x', 'x'),
        () => sys.fsetxattr(fd, 'user.x', 'x'),
        () => sys.removexattr(at('f'), 'user.one'),
        () => sys.fremovexattr(fd, 'user.one'),
        () => sys.unlink(at('f')),
        () => sys.rename(at('f'), at('new')),
        () => sys.rename(at('g'), at('f')),
        () => sys.rename(at('f'), at('new'), sys.RENAME_NOREPLACE),
        () => sys.rename(at('g'), at('f'), sys.RENAME_EXCHANGE),
        () => sys.link(at('f'), at('new')),
        () => sys.linkDescriptor(fd, at('new')),
      ]) {
        fails('EPERM', change);
      }
      equal(sys.readFile(at('f')), CONTENT);
      equal(sys.stat(at('f')).mode & 0o777, 0o644);
    },
  }),
  ...onScene({
    id: 'refused-immutable-directory',
    operation: 'ioctl',
    title: 'changing names in an immutable directory is EPERM',
    objects: ['s', 'e', 'g'],
    needs: ['inode-flags'],
    run(at, ctx) {
      flagged(ctx, 'd/s', FS_IMMUTABLE_FL);
      flagged(ctx, 'd/e', FS_IMMUTABLE_FL);
      for (const change of [
        () => sys.rmdir(at('e')),
        () => sys.mkdir(at('s/new')),
        () => sys.mknod(at('s/new'), sys.S_IFIFO),
        () => sys.symlink('to', at('s/new')),
        () => sys.unlink(at('s/x')),
        () => sys.rename(at('s/x'), at('x')),
        () => sys.rename(at('g'), at('s/g')),
        () => sys.link(at('g'), at('s/g')),
      ]) {
        const result = sys.outcome(change);
        // The permission check of the directory refuses a new name, with EACCES for immutable directories.
        equal(result === 'EACCES' ? 'EPERM' : result, 'EPERM');
      }
      equal(sys.readFile(at('s/x')), 'x');
    },
  }),
  ...onScene({
    id: 'refused-append-only',
    operation: 'fcntl F_SETFL',
    title: 'truncating, overwriting or punching an append-only file is EPERM',
    objects: ['f'],
    needs: ['inode-flags'],
    run(at, ctx) {
      const before = ctx.open('d/f', O_RDWR);
      flagged(ctx, 'd/f', FS_APPEND_FL);
      const fd = ctx.open('d/f', O_RDWR | O_APPEND);
      for (const change of [
        () => sys.open(at('f'), O_WRONLY),
        () => sys.open(at('f'), O_WRONLY | O_APPEND | O_TRUNC),
        () => sys.truncate(at('f'), 0),
        () => sys.ftruncate(before, 0),
        () => sys.fallocate(before, sys.FALLOC_FL_PUNCH_HOLE | sys.FALLOC_FL_KEEP_SIZE, 0, 1),
        () => sys.unlink(at('f')),
        () => sys.rename(at('f'), at('new')),
        () => sys.link(at('f'), at('new')),
      ]) {
        fails('EPERM', change);
      }
      sys.write(fd, '+');
      equal(sys.readFile(at('f')), `${CONTENT}+`);
    },
  }),
  ...onScene({
    id: 'refused-flags-of-inode',
    operation: 'fcntl F_SETFL',
    title: 'the kernel itself knows that a file is append-only or immutable: F_SETFL, mmap, access',
    objects: ['f', 'g'],
    needs: ['inode-flags-cached'],
    run(at, ctx) {
      flagged(ctx, 'd/f', FS_APPEND_FL);
      const fd = ctx.open('d/f', O_RDWR | O_APPEND);
      fails('EPERM', () => sys.setStatusFlags(fd, 0));
      fails('EACCES', () => sys.mmap(fd, 4096, 3, 1));
      flagged(ctx, 'd/g', FS_IMMUTABLE_FL);
      fails('EPERM', () => sys.access(at('g'), 2));
    },
  }),
  ...onScene({
    id: 'refused-busy-text',
    operation: 'execve',
    title: 'writing to a running program, and running a program that is open for writing, is ETXTBSY',
    objects: ['prog'],
    run(at, ctx) {
      const stop = sys.start(at('prog'), '60');
      try {
        fails('ETXTBSY', () => sys.open(at('prog'), O_WRONLY));
        fails('ETXTBSY', () => sys.open(at('prog'), O_RDWR));
        fails('ETXTBSY', () => sys.truncate(at('prog'), 0));
      } finally {
        stop();
      }
      const writer = sys.open(at('prog'), O_WRONLY);
      fails('ETXTBSY', () => sys.exec(at('prog'), '0'));
      sys.close(writer);
      equal(sys.exec(at('prog'), '0'), 0);
      ctx.open('d/prog', O_RDWR);
    },
  }),
  ...onScene({
    id: 'refused-program',
    operation: 'execve',
    title: 'execve of a file that is no program is ENOEXEC, without its interpreter ENOENT, without an x bit EACCES',
    objects: ['garbage', 'script', 'f', 'p', 's', 'prog'],
    run(at) {
      fails('ENOEXEC', () => sys.exec(at('garbage')));
      fails('ENOENT', () => sys.exec(at('script')));
      fails('EACCES', () => sys.exec(at('f')));
      fails('EACCES', () => sys.exec(at('p')));
      fails('EACCES', () => sys.exec(at('s')));
      fails('E2BIG', () => sys.exec(at('prog'), 'x'.repeat(140_000)));
      equal(sys.exec(at('prog'), '0'), 0);
    },
  }),
  ...onScene({
    id: 'refused-busy-mount',
    operation: 'rmdir',
    title: 'removing or renaming a mountpoint is EBUSY',
    objects: ['s', 'e', 'f', 'g', 'a'],
    run(at) {
      const fromDirectory = sys.bindMount(at('s'), at('e'));
      const fromFile = sys.bindMount(at('g'), at('f'));
      try {
        fails('EBUSY', () => sys.rmdir(at('e')));
        fails('EBUSY', () => sys.unlink(at('f')));
        fails('EBUSY', () => sys.rename(at('f'), at('new')));
        fails('EBUSY', () => sys.rename(at('a'), at('f')));
        fails('EXDEV', () => sys.rename(at('e/x'), at('x')));
        fails('EXDEV', () => sys.link(at('e/x'), at('x')));
      } finally {
        fromFile();
        fromDirectory();
      }
    },
  }),
  ...onScene({
    id: 'refused-across',
    operation: 'rename',
    title: 'moving names or sharing blocks to another file system is EXDEV',
    objects: ['f'],
    run(at, ctx) {
      const other = `${ELSEWHERE}/plyfs-conformance-${process.pid}`;
      const there = sys.open(other, O_CREAT | O_RDWR);
      ctx.defer(() => {
        sys.close(there);
        sys.unlink(other);
      });
      const fd = ctx.open('d/f', O_RDWR);
      fails('EXDEV', () => sys.rename(at('f'), other));
      fails('EXDEV', () => sys.rename(other, at('new')));
      fails('EXDEV', () => sys.rename(at('f'), other, sys.RENAME_EXCHANGE));
      fails('EXDEV', () => sys.link(at('f'), `${other}2`));
      fails('EXDEV', () => sys.linkDescriptor(fd, `${other}2`));
      fails('EXDEV', () => sys.ficlone(there, fd));
      fails('EXDEV', () => sys.copyFileRange(fd, 0, there, 0, 3));
      equal(sys.readFile(at('f')), CONTENT);
    },
  }),
  ...onScene({
    id: 'refused-exist',
    operation: 'link',
    title: 'making an existing name is EEXIST, linking a directory EPERM, unlinking one EISDIR or ENOTEMPTY',
    objects: ['f', 's', 'l', 'dangling', 'p', 'g', 'e'],
    run(at, ctx) {
      const fd = ctx.open('d/f', O_RDONLY);
      for (const name of ['f', 's', 'l', 'dangling', 'p']) {
        fails('EEXIST', () => sys.mkdir(at(name)));
        fails('EEXIST', () => sys.mknod(at(name), sys.S_IFIFO));
        fails('EEXIST', () => sys.symlink('to', at(name)));
        fails('EEXIST', () => sys.link(at('g'), at(name)));
        fails('EEXIST', () => sys.linkDescriptor(fd, at(name)));
        fails('EEXIST', () => sys.open(at(name), O_CREAT | sys.O_EXCL | O_WRONLY));
      }
      fails('EPERM', () => sys.link(at('s'), at('new')));
      fails('EPERM', () => sys.linkDescriptor(ctx.open('d/s', O_PATH), at('new')));
      fails('EISDIR', () => sys.unlink(at('s')));
      fails('ENOTEMPTY', () => sys.rmdir(at('s')));
      sys.mkdir(at('fresh'));
      fails('ENOTEMPTY', () => sys.rename(at('fresh'), at('s')));
      fails('ENOTDIR', () => sys.rmdir(at('f')));
      sys.unlink(at('f'));
      fails('ENOENT', () => sys.linkDescriptor(fd, at('new')));
    },
  }),
  ...onScene({
    id: 'refused-removed',
    operation: 'getdents',
    title: 'a removed directory is empty, and making a name in it is ENOENT',
    objects: ['e'],
    needs: ['nameless-objects'],
    run(at, ctx) {
      const fd = ctx.open('d/e', O_RDONLY);
      sys.rmdir(at('e'));
      fails('ENOENT', () => sys.getdents(fd));
      fails('ENOENT', () => sys.open('x', O_CREAT | O_WRONLY, 0o644, fd));
      fails('ENOENT', () => sys.at('mkdir', fd, 'x'));
    },
  }),
  ...onScene({
    id: 'refused-lease',
    operation: 'fcntl F_SETLEASE',
    title:
      'a lease for writing on a file that others have open is EAGAIN, and opening a leased file with O_NONBLOCK too',
    objects: ['f'],
    needs: ['leases'],
    run(at, ctx) {
      const reader = ctx.open('d/f', O_RDONLY);
      const second = ctx.open('d/f', O_RDONLY);
      // A signal reports a break of the lease to its holder; by default it ends the process.
      const ignore = (): void => undefined;
      process.on('SIGIO', ignore);
      ctx.defer(() => process.off('SIGIO', ignore));
      fails('EAGAIN', () => sys.setLease(reader, F_WRLCK));
      sys.setLease(second, F_RDLCK);
      fails('EAGAIN', () => sys.open(at('f'), O_WRONLY | O_NONBLOCK));
      sys.setLease(second, F_UNLCK);
      ctx.open('d/f', O_WRONLY | O_NONBLOCK);
    },
  }),
];
