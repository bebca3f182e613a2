/**
 * System calls that create, change and remove names and inodes. They take a directory fd and one component.
 */
import { Errno, fsError } from '../../core/errno.js';
import { O_PATH } from '../../core/flags.js';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_REMOVEDIR,
  AT_SYMLINK_FOLLOW,
  AT_SYMLINK_NOFOLLOW,
  allocate,
  bind,
  check,
  cPath,
  cPath2,
  lastErrno,
} from '../libc.js';
import { close, openAt } from './open.js';

const mkdirat = bind<(fd: number, name: number, mode: number) => number>('int mkdirat(int, intptr_t, uint)');
const mknodat = bind<(fd: number, name: number, mode: number, dev: number) => number>(
  'int mknodat(int, intptr_t, uint, uint64_t)',
);
const symlinkat = bind<(target: number, fd: number, name: number) => number>('int symlinkat(intptr_t, int, intptr_t)');
const linkat = bind<(fd: number, name: number, newFd: number, newName: number, flags: number) => number>(
  'int linkat(int, intptr_t, int, intptr_t, int)',
);
const unlinkat = bind<(fd: number, name: number, flags: number) => number>('int unlinkat(int, intptr_t, int)');
const renameat2 = bind<(fd: number, name: number, newFd: number, newName: number, flags: number) => number>(
  'int renameat2(int, intptr_t, int, intptr_t, uint)',
);
const fchownat = bind<(fd: number, name: number, uid: number, gid: number, flags: number) => number>(
  'int fchownat(int, intptr_t, uint, uint, int)',
);
const fchmod = bind<(fd: number, mode: number) => number>('int fchmod(int, uint)');
const syscall4 = bind<(n: number, fd: number, name: number, mode: number, flags: number) => number>(
  'long syscall(long, long, intptr_t, long, long)',
);
const fchmodat = bind<(fd: number, name: number, mode: number, flags: number) => number>(
  'int fchmodat(int, intptr_t, uint, int)',
);
const utimensat = bind<(fd: number, name: number, times: number, flags: number) => number>(
  'int utimensat(int, intptr_t, intptr_t, int)',
);
const readlinkat = bind<(fd: number, name: number, into: number, size: number) => number>(
  'long readlinkat(int, intptr_t, intptr_t, size_t)',
);

/** (uid_t) -1 and (gid_t) -1: the id does not change (man chown(2)). */
export const KEEP_ID = 0xffffffff;

/** Makes a `dev_t` of Linux's libc (sys/sysmacros.h makedev). Exact for minors below 2^20. */
export function makeDev(major: number, minor: number): number {
  return (minor & 0xff) + (major & 0xfff) * 0x100 + (minor >>> 8) * 0x10_0000 + (major >>> 12) * 0x1000_0000_0000;
}

/** The major part of a device number of 32 bits, as in mknod(2) and FUSE (linux/kdev_t.h:new_decode_dev). */
export function majorOf(dev: number): number {
  return (dev >>> 8) & 0xfff;
}

export function minorOf(dev: number): number {
  return (dev & 0xff) | ((dev >>> 12) & 0xfff00);
}

export function mkdirAt(dirfd: number, name: string, mode: number): void {
  check(mkdirat(dirfd, cPath(name), mode), 'mkdirat');
}

/** @param mode with an S_IF* type @param dev of {@link makeDev} */
export function mknodAt(dirfd: number, name: string, mode: number, dev: number): void {
  check(mknodat(dirfd, cPath(name), mode, dev), 'mknodat');
}

export function symlinkAt(target: string, dirfd: number, name: string): void {
  check(symlinkat(cPath2(target), dirfd, cPath(name)), 'symlinkat');
}

export function linkAt(dirfd: number, name: string, newDirfd: number, newName: string): void {
  check(linkat(dirfd, cPath(name), newDirfd, cPath2(newName), 0), 'linkat');
}

/** As {@link linkAt}; a failure is the negative errno. */
export function tryLinkAt(dirfd: number, name: string, newDirfd: number, newName: string): number {
  return linkat(dirfd, cPath(name), newDirfd, cPath2(newName), 0) < 0 ? -lastErrno() : 0;
}

/**
 * Gives an open file (an O_TMPFILE, or an O_PATH fd) a name. AT_EMPTY_PATH requires CAP_DAC_READ_SEARCH in
 * the initial user namespace. Without it, the file's link in /proc is used (man open(2), O_TMPFILE).
 */
export function linkFd(fd: number, newDirfd: number, newName: string): void {
  if (linkat(fd, cPath(''), newDirfd, cPath2(newName), AT_EMPTY_PATH) === 0) return;
  const errno = lastErrno();
  if (errno !== Errno.ENOENT && errno !== Errno.EPERM) throw fsError(errno, 'linkat');
  check(linkat(AT_FDCWD, cPath(`/proc/self/fd/${fd}`), newDirfd, cPath2(newName), AT_SYMLINK_FOLLOW), 'linkat');
}

export function unlinkAt(dirfd: number, name: string): void {
  check(unlinkat(dirfd, cPath(name), 0), 'unlinkat');
}

export function rmdirAt(dirfd: number, name: string): void {
  check(unlinkat(dirfd, cPath(name), AT_REMOVEDIR), 'unlinkat');
}

/** @param flags RENAME_* of renameat2(2) */
export function renameAt(dirfd: number, name: string, newDirfd: number, newName: string, flags = 0): void {
  check(renameat2(dirfd, cPath(name), newDirfd, cPath2(newName), flags), 'renameat2');
}

export function chownAt(dirfd: number, name: string, uid: number, gid: number): void {
  check(fchownat(dirfd, cPath(name), uid, gid, AT_SYMLINK_NOFOLLOW), 'fchownat');
}

export function chownFd(fd: number, uid: number, gid: number): void {
  check(fchownat(fd, cPath(''), uid, gid, AT_EMPTY_PATH), 'fchownat');
}

const SYS_FCHMODAT2 = 452;

/**
 * Changes the mode without following a symlink; EOPNOTSUPP for the symlink itself. Uses fchmodat2(2), or an
 * O_PATH fd before Linux 6.6 and if a seccomp filter refuses that call.
 */
export function chmodAt(dirfd: number, name: string, mode: number): void {
  if (syscall4(SYS_FCHMODAT2, dirfd, cPath(name), mode, AT_SYMLINK_NOFOLLOW) === 0) return;
  const errno = lastErrno();
  if (errno !== Errno.ENOSYS && errno !== Errno.EPERM) throw fsError(errno, 'fchmodat2');
  const fd = openAt(dirfd, name, O_PATH);
  try {
    // EOPNOTSUPP for a symlink here too.
    chmodFd(fd, mode);
  } finally {
    close(fd);
  }
}

/** fchmod(2); for an O_PATH fd, which that call refuses, chmod(2) through its link in /proc. */
export function chmodFd(fd: number, mode: number): void {
  if (fchmod(fd, mode) === 0) return;
  const errno = lastErrno();
  if (errno !== Errno.EBADF) throw fsError(errno, 'fchmod');
  check(fchmodat(AT_FDCWD, cPath(`/proc/self/fd/${fd}`), mode, 0), 'fchmodat');
}

/** A time for utimensat(2). The nanoseconds can be UTIME_NOW or UTIME_OMIT. */
export interface TimeValue {
  readonly sec: number;
  readonly nsec: number;
}
export const TIME_NOW: TimeValue = { sec: 0, nsec: 0x3fffffff };
export const TIME_OMIT: TimeValue = { sec: 0, nsec: 0x3ffffffe };

const times = allocate(32);
const timeWords = new BigInt64Array(times.buffer.buffer);

function writeTimes(atime: TimeValue, mtime: TimeValue): number {
  timeWords[0] = BigInt(atime.sec);
  timeWords[1] = BigInt(atime.nsec);
  timeWords[2] = BigInt(mtime.sec);
  timeWords[3] = BigInt(mtime.nsec);
  return times.address;
}

export function utimesAt(dirfd: number, name: string, atime: TimeValue, mtime: TimeValue): void {
  check(utimensat(dirfd, cPath(name), writeTimes(atime, mtime), AT_SYMLINK_NOFOLLOW), 'utimensat');
}

/** For any fd, O_PATH ones and those of symlinks too (AT_EMPTY_PATH, Linux 5.8). */
export function utimesFd(fd: number, atime: TimeValue, mtime: TimeValue): void {
  check(utimensat(fd, cPath(''), writeTimes(atime, mtime), AT_EMPTY_PATH), 'utimensat');
}

const target = allocate(4097);

/** The target of a symlink, latin1-decoded; `name` can be `''` for an O_PATH fd of the symlink itself. */
export function readlinkAt(dirfd: number, name: string): string {
  const length = check(readlinkat(dirfd, cPath(name), target.address, 4097), 'readlinkat');
  return target.buffer.toString('latin1', 0, length);
}
