/**
 * The errnos of calls on a descriptor that is not open, is opened otherwise, or is of an object without the
 * operation.
 */
import * as sys from '../../harness/sys/index.js';
import type { Case } from '../case.js';
import { fails } from '../fails.js';
import { onScene } from '../scene.js';

const { NO_FD, NOW, UNMAPPED, O_APPEND, O_NONBLOCK, O_PATH, O_RDONLY, O_RDWR, O_WRONLY } = sys;
const MAP_SHARED = 1;
const PROT_READ = 1;

/** All calls on one descriptor. */
const CALLS: readonly ((fd: number) => unknown)[] = [
  (fd) => sys.transfer('read', fd, UNMAPPED, 1),
  (fd) => sys.transfer('write', fd, UNMAPPED, 1),
  (fd) => sys.transfer('pread', fd, UNMAPPED, 1),
  (fd) => sys.transfer('pwrite', fd, UNMAPPED, 1),
  (fd) => sys.lseek(fd, 0, sys.SEEK_SET),
  (fd) => sys.ftruncate(fd, 0),
  (fd) => sys.fchmod(fd, 0o600),
  (fd) => sys.fchown(fd, 1, 1),
  (fd) => sys.fsync(fd),
  (fd) => sys.fdatasync(fd),
  (fd) => sys.syncfs(fd),
  (fd) => sys.syncFileRange(fd, 0, 0, 0),
  (fd) => sys.fadvise(fd, 0),
  (fd) => sys.readahead(fd, 0, 1),
  (fd) => sys.fallocate(fd, 0, 0, 1),
  (fd) => sys.sendfile(fd, fd, 1),
  (fd) => sys.copyFileRange(fd, 0, fd, 0, 1),
  (fd) => sys.mmap(fd, 4096, PROT_READ, MAP_SHARED),
  (fd) => sys.fgetxattr(fd, 'user.one'),
  (fd) => sys.fsetxattr(fd, 'user.one', '2'),
  (fd) => sys.flistxattr(fd),
  (fd) => sys.fremovexattr(fd, 'user.one'),
  (fd) => sys.getdents(fd),
  (fd) => sys.getInodeFlags(fd),
  (fd) => sys.setInodeFlags(fd, 0),
  (fd) => sys.getFsxattr(fd),
  (fd) => sys.setFsxattr(fd, Buffer.alloc(28)),
  (fd) => sys.unknownIoctl(fd),
  (fd) => sys.ficlone(fd, fd),
  (fd) => sys.flock(fd, sys.LOCK_SH),
  (fd) => sys.lock(fd, sys.F_RDLCK),
  (fd) => sys.setStatusFlags(fd, 0),
  (fd) => sys.setLease(fd, sys.F_RDLCK),
];
/** Calls that an O_PATH descriptor allows (man open(2)). */
const ALLOWED_ON_O_PATH: readonly ((fd: number) => unknown)[] = [
  (fd) => sys.fstat(fd),
  (fd) => sys.fstatfs(fd),
  (fd) => sys.fchdir(fd),
  (fd) => sys.getStatusFlags(fd),
  (fd) => sys.futimens(fd, NOW, NOW),
  (fd) => sys.openByHandle(fd, sys.handleOf(8), O_RDONLY),
];

export const descriptorCases: readonly Case[] = [
  ...onScene({
    id: 'fd-none',
    operation: 'read',
    title: 'every call on a closed descriptor, or on one of O_PATH, is EBADF',
    objects: ['f'],
    run(_, ctx) {
      for (const call of [...CALLS, ...ALLOWED_ON_O_PATH]) fails('EBADF', () => call(NO_FD));
      const named = ctx.open('d/f', O_PATH);
      for (const call of CALLS) fails('EBADF', () => call(named));
      fails('ENOTDIR', () => sys.fchdir(named));
    },
  }),
  ...onScene({
    id: 'fd-mode',
    operation: 'write',
    title: 'a write through a descriptor for reading, and a read through one for writing, is EBADF',
    objects: ['f', 'g'],
    run(_, ctx) {
      const reader = ctx.open('d/f', O_RDONLY);
      const writer = ctx.open('d/g', O_WRONLY);
      const appender = ctx.open('d/g', O_WRONLY | O_APPEND);
      fails('EBADF', () => sys.read(writer, 1));
      fails('EBADF', () => sys.pread(writer, 1, 0));
      fails('EBADF', () => sys.write(reader, 'x'));
      fails('EBADF', () => sys.pwrite(reader, 'x', 0));
      fails('EBADF', () => sys.fallocate(reader, 0, 0, 1));
      fails('EINVAL', () => sys.ftruncate(reader, 0));
      fails('EBADF', () => sys.copyFileRange(writer, 0, writer, 0, 1));
      fails('EBADF', () => sys.copyFileRange(reader, 0, reader, 0, 1));
      fails('EBADF', () => sys.copyFileRange(reader, 0, appender, 0, 1));
      fails('EBADF', () => sys.sendfile(reader, reader, 1));
      fails('EBADF', () => sys.sendfile(writer, writer, 1));
      fails('EBADF', () => sys.readahead(writer, 0, 1));
      fails('EBADF', () => sys.lock(reader, sys.F_WRLCK));
      fails('EBADF', () => sys.lock(writer, sys.F_RDLCK));
      fails('EBADF', () => sys.ficlone(reader, reader));
      fails('EACCES', () => sys.mmap(writer, 4096, PROT_READ, MAP_SHARED));
    },
  }),
  ...onScene({
    id: 'fd-fault',
    operation: 'read',
    title: 'an address without mapped memory is EFAULT, and changes nothing',
    objects: ['f', 'g'],
    run(at, ctx) {
      const fd = ctx.open('d/f', O_RDWR);
      fails('EFAULT', () => sys.transfer('read', fd, UNMAPPED, 4));
      fails('EFAULT', () => sys.transfer('pread', fd, UNMAPPED, 4));
      fails('EFAULT', () => sys.transfer('write', fd, UNMAPPED, 4));
      fails('EFAULT', () => sys.transfer('pwrite', fd, UNMAPPED, 4));
      fails('EFAULT', () => sys.transfer('getdents', ctx.open('d', O_RDONLY), UNMAPPED, 4096));
      fails('EFAULT', () => sys.lockAt(fd, UNMAPPED));
      fails('EFAULT', () => sys.statfsInto(fd, UNMAPPED));
      fails('EFAULT', () => sys.sendfileFrom(fd, ctx.open('d/g', O_RDONLY), UNMAPPED, 1));
      fails('EFAULT', () => sys.openByHandleAt(fd, UNMAPPED));
      fails('EFAULT', () => sys.getxattr(at('f'), sys.FAULT));
      if (sys.readFile(at('f')) !== 'content') throw new Error('a write from nowhere changed the file');
    },
  }),
  ...onScene({
    id: 'fd-fault-ioctl',
    operation: 'ioctl',
    title: 'requests for inode flags with an address without mapped memory are EFAULT',
    objects: ['f'],
    needs: ['inode-flags'],
    run(_, ctx) {
      const fd = ctx.open('d/f', O_RDWR);
      for (const request of ['FS_IOC_GETFLAGS', 'FS_IOC_SETFLAGS', 'FS_IOC_FSGETXATTR', 'FS_IOC_FSSETXATTR'] as const) {
        fails('EFAULT', () => sys.ioctlAt(request, fd, UNMAPPED));
      }
    },
  }),
  ...onScene({
    id: 'fd-directory',
    operation: 'read',
    title: 'a directory cannot be read, mapped, truncated or copied as a file: EISDIR, ENODEV, EINVAL',
    objects: ['f', 's', 'locked'],
    run(at, ctx) {
      const fd = ctx.open('d', O_RDONLY);
      const file = ctx.open('d/f', O_RDWR);
      fails('EISDIR', () => sys.read(fd, 1));
      fails('EISDIR', () => sys.pread(fd, 1, 0));
      fails('EBADF', () => sys.write(fd, 'x'));
      fails('EINVAL', () => sys.ftruncate(fd, 0));
      fails('EISDIR', () => sys.truncate(at('s'), 0));
      fails('EBADF', () => sys.fallocate(fd, 0, 0, 1));
      fails('EISDIR', () => sys.copyFileRange(fd, 0, file, 0, 1));
      fails('EISDIR', () => sys.copyFileRange(file, 0, fd, 0, 1));
      fails('EINVAL', () => sys.sendfile(file, fd, 1));
      fails('EISDIR', () => sys.ficlone(file, fd));
      fails('ENODEV', () => sys.mmap(fd, 4096, PROT_READ, MAP_SHARED));
      fails('EINVAL', () => sys.readahead(fd, 0, 1));
      fails('EISDIR', () => sys.open(at('s'), O_WRONLY));
      fails('EISDIR', () => sys.open(at('s'), O_RDONLY | sys.O_CREAT));
      fails('EINVAL', () => sys.getdents(fd, 8));
      fails('ENOTDIR', () => sys.getdents(file));
      fails('ENOTDIR', () => sys.fchdir(file));
      fails('EACCES', () => sys.exec(at('s')));
      sys.asUser(sys.ALICE, sys.STAFF, () => fails('EACCES', () => sys.open(at('locked'), O_RDONLY)));
      const locked = ctx.open('d/locked', O_RDONLY);
      sys.asUser(sys.ALICE, sys.STAFF, () => fails('EACCES', () => sys.fchdir(locked)));
    },
  }),
  ...onScene({
    id: 'fd-fifo',
    operation: 'write',
    title:
      'a fifo has no position, size or mapping: ESPIPE, EINVAL, ENODEV; empty or full it is EAGAIN, without a reader EPIPE',
    objects: ['f', 'p'],
    run(at, ctx) {
      fails('ENXIO', () => sys.open(at('p'), O_WRONLY | O_NONBLOCK));
      const reader = sys.open(at('p'), O_RDONLY | O_NONBLOCK);
      const fd = ctx.open('d/p', O_WRONLY | O_NONBLOCK);
      const file = ctx.open('d/f', O_RDWR);
      fails('EAGAIN', () => sys.read(reader, 1));
      fails('ESPIPE', () => sys.lseek(fd, 0, sys.SEEK_SET));
      fails('ESPIPE', () => sys.pread(reader, 1, 0));
      fails('ESPIPE', () => sys.pwrite(fd, 'x', 0));
      fails('ESPIPE', () => sys.fallocate(fd, 0, 0, 1));
      fails('ESPIPE', () => sys.fadvise(fd, 0));
      fails('ESPIPE', () => sys.sendfileAt(file, reader, 0, 1));
      fails('ESPIPE', () => sys.syncFileRange(fd, 0, 0, 0));
      fails('EINVAL', () => sys.ftruncate(fd, 0));
      fails('EINVAL', () => sys.fsync(fd));
      fails('EINVAL', () => sys.fdatasync(fd));
      fails('EINVAL', () => sys.copyFileRange(file, 0, fd, 0, 1));
      fails('EINVAL', () => sys.readahead(reader, 0, 1));
      fails('EINVAL', () => sys.ficlone(file, reader));
      fails('ENODEV', () => sys.mmap(reader, 4096, PROT_READ, MAP_SHARED));
      fails('ENOTTY', () => sys.unknownIoctl(fd));
      const block = 'x'.repeat(65_536);
      fails('EAGAIN', () => {
        for (;;) sys.write(fd, block);
      });
      sys.close(reader);
      fails('EPIPE', () => sys.write(fd, 'x'));
    },
  }),
  ...onScene({
    id: 'fd-device',
    operation: 'open',
    title: 'a device without a driver and a socket are ENXIO; allocating in a device is ENODEV',
    objects: ['nodriver', 'k', 'c', 'f', 'p'],
    run(at, ctx) {
      fails('ENXIO', () => sys.open(at('nodriver'), O_RDONLY));
      fails('ENXIO', () => sys.open(at('k'), O_RDONLY));
      const fd = ctx.open('d/c', O_RDWR);
      fails('ENODEV', () => sys.fallocate(fd, 0, 0, 1));
      fails('EINVAL', () => sys.ftruncate(fd, 0));
      fails('EINVAL', () => sys.truncate(at('c'), 0));
      fails('EINVAL', () => sys.truncate(at('p'), 0));
      fails('EINVAL', () => sys.copyFileRange(fd, 0, ctx.open('d/f', O_RDWR), 0, 1));
    },
  }),
];
