/** Inode attributes: stat, mode, owner, times, inode flags, file system facts. */
import { AT_FDCWD, allocate, bind, check, cPath } from './call.js';

const statxCall = bind<(fd: number, path: number, flags: number, mask: number, into: number) => number>(
  'int statx(int, intptr_t, int, uint, intptr_t)',
);
const chmodCall = bind<(path: number, mode: number) => number>('int chmod(intptr_t, uint)');
const fchmodCall = bind<(fd: number, mode: number) => number>('int fchmod(int, uint)');
const chownatCall = bind<(fd: number, path: number, uid: number, gid: number, flags: number) => number>(
  'int fchownat(int, intptr_t, uint, uint, int)',
);
const fchownCall = bind<(fd: number, uid: number, gid: number) => number>('int fchown(int, uint, uint)');
const utimensatCall = bind<(fd: number, path: number, times: number, flags: number) => number>(
  'int utimensat(int, intptr_t, intptr_t, int)',
);
const futimensCall = bind<(fd: number, times: number) => number>('int futimens(int, intptr_t)');
const accessCall = bind<(fd: number, path: number, mode: number, flags: number) => number>(
  'int faccessat(int, intptr_t, int, int)',
);
const ioctlCall = bind<(fd: number, request: number, argument: number) => number>('int ioctl(int, ulong, intptr_t)');
const statfsCall = bind<(path: number, into: number) => number>('int statfs(intptr_t, intptr_t)');

const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
const AT_EACCESS = 0x200;
const AT_STATX_FORCE_SYNC = 0x2000;

/** (uid_t) -1: the call keeps the owner or the group. */
export const KEEP = 0xffffffff;

export interface Time {
  readonly sec: number;
  readonly nsec: number;
}
export const NOW: Time = { sec: 0, nsec: 0x3fffffff };
export const OMIT: Time = { sec: 0, nsec: 0x3ffffffe };

export interface Stat {
  readonly ino: number;
  /** `major:minor` of the device of the file system. */
  readonly dev: string;
  /** Type and permission bits. */
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly blocks: number;
  readonly blksize: number;
  readonly rdev: string;
  readonly atime: Time;
  readonly mtime: Time;
  readonly ctime: Time;
}

/** Bits of the mask of statx(2). */
export const STATX = {
  mode: 0x2,
  nlink: 0x4,
  uid: 0x8,
  gid: 0x10,
  atime: 0x20,
  mtime: 0x40,
  ctime: 0x80,
  ino: 0x100,
  size: 0x200,
  blocks: 0x400,
} as const;

function readStat(fd: number, path: string, flags: number, mask = 0x7ff): Stat {
  const { buffer, address } = allocate(256);
  check(statxCall(fd, cPath(path), flags, mask, address), 'stat', path === '' ? fd : path);
  const time = (at: number): Time => ({ sec: Number(buffer.readBigInt64LE(at)), nsec: buffer.readUInt32LE(at + 8) });
  return {
    ino: Number(buffer.readBigUInt64LE(32)),
    dev: `${buffer.readUInt32LE(136)}:${buffer.readUInt32LE(140)}`,
    mode: buffer.readUInt16LE(28),
    nlink: buffer.readUInt32LE(16),
    uid: buffer.readUInt32LE(20),
    gid: buffer.readUInt32LE(24),
    size: Number(buffer.readBigUInt64LE(40)),
    blocks: Number(buffer.readBigUInt64LE(48)),
    blksize: buffer.readUInt32LE(4),
    rdev: `${buffer.readUInt32LE(128)}:${buffer.readUInt32LE(132)}`,
    atime: time(64),
    ctime: time(96),
    mtime: time(112),
  };
}

export function stat(path: string): Stat {
  return readStat(AT_FDCWD, path, 0);
}

export function lstat(path: string): Stat {
  return readStat(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
}

export type StatxField = keyof typeof STATX;

/**
 * Returns one attribute, of a path (of a symlink itself, unless `follow`) or of an open file. Unlike stat(2),
 * which requests all attributes, this call does not refresh the others in a file system's cache.
 */
export function statOne<A extends StatxField>(of: string | number, attribute: A, follow = false): Stat[A] {
  return statOf(of, follow ? 0 : AT_SYMLINK_NOFOLLOW, STATX[attribute])[attribute];
}

/** Returns all attributes that the server has, not those that the kernel has cached (AT_STATX_FORCE_SYNC). */
export function statForceSync(of: string | number): Stat {
  return statOf(of, AT_SYMLINK_NOFOLLOW | AT_STATX_FORCE_SYNC);
}

const STATX_BTIME = 0x800;

/**
 * Returns the time when the object was made, or null if its file system does not report it.
 * @param mask the bits of other attributes that the same call requests
 */
export function birth(path: string, mask = 0): Time | null {
  const { buffer, address } = allocate(256);
  check(statxCall(AT_FDCWD, cPath(path), AT_SYMLINK_NOFOLLOW, mask | STATX_BTIME, address), 'stat', path);
  if ((buffer.readUInt32LE(0) & STATX_BTIME) === 0) return null;
  return { sec: Number(buffer.readBigInt64LE(80)), nsec: buffer.readUInt32LE(88) };
}

export function fstat(fd: number): Stat {
  return readStat(fd, '', AT_EMPTY_PATH);
}

function statOf(of: string | number, flags: number, mask?: number): Stat {
  return typeof of === 'number' ? readStat(of, '', flags | AT_EMPTY_PATH, mask) : readStat(AT_FDCWD, of, flags, mask);
}

export function chmod(path: string, mode: number): void {
  check(chmodCall(cPath(path), mode), 'chmod', path);
}

export function fchmod(fd: number, mode: number): void {
  check(fchmodCall(fd, mode), 'fchmod', fd);
}

export function chown(path: string, uid: number, gid: number): void {
  check(chownatCall(AT_FDCWD, cPath(path), uid, gid, 0), 'chown', path);
}

export function lchown(path: string, uid: number, gid: number): void {
  check(chownatCall(AT_FDCWD, cPath(path), uid, gid, AT_SYMLINK_NOFOLLOW), 'lchown', path);
}

export function fchown(fd: number, uid: number, gid: number): void {
  check(fchownCall(fd, uid, gid), 'fchown', fd);
}

function timesAt(atime: Time, mtime: Time): number {
  const { buffer, address } = allocate(32);
  [atime.sec, atime.nsec, mtime.sec, mtime.nsec].forEach((word, i) => {
    buffer.writeBigInt64LE(BigInt(word), i * 8);
  });
  return address;
}

/** Does not follow a symlink. */
export function utimens(path: string, atime: Time, mtime: Time): void {
  check(utimensatCall(AT_FDCWD, cPath(path), timesAt(atime, mtime), AT_SYMLINK_NOFOLLOW), 'utimensat', path);
}

/** Follows a symlink, such as those in /proc/self/fd, which lead to what an O_PATH descriptor refers to. */
export function utimensFollowing(path: string, atime: Time, mtime: Time): void {
  check(utimensatCall(AT_FDCWD, cPath(path), timesAt(atime, mtime), 0), 'utimensat', path);
}

export function futimens(fd: number, atime: Time, mtime: Time): void {
  check(futimensCall(fd, timesAt(atime, mtime)), 'futimens', fd);
}

/** `mode`: R_OK 4, W_OK 2, X_OK 1. The call checks with the effective ids. */
export function access(path: string, mode: number): void {
  check(accessCall(AT_FDCWD, cPath(path), mode, AT_EACCESS), 'access', path);
}

export const FS_NODUMP_FL = 0x40;

export function getInodeFlags(fd: number): number {
  const { buffer, address } = allocate(8);
  check(ioctlCall(fd, 0x80086601, address), 'FS_IOC_GETFLAGS', fd);
  return buffer.readUInt32LE(0);
}

export function setInodeFlags(fd: number, flags: number): void {
  const { buffer, address } = allocate(8);
  buffer.writeUInt32LE(flags, 0);
  check(ioctlCall(fd, 0x40086602, address), 'FS_IOC_SETFLAGS', fd);
}

/** An ioctl(2) whose argument has no meaning. */
export function ioctl(fd: number, request: number): void {
  check(ioctlCall(fd, request, allocate(8).address), 'ioctl', fd);
}

/** An ioctl(2) that no file supports. */
export function unknownIoctl(fd: number): void {
  ioctl(fd, 0x7a7a);
}

export interface FsFacts {
  readonly type: number;
  readonly bsize: number;
  readonly blocks: number;
  readonly bfree: number;
  readonly files: number;
  readonly namelen: number;
}

export function statfs(path: string): FsFacts {
  const { buffer, address } = allocate(128);
  check(statfsCall(cPath(path), address), 'statfs', path);
  const word = (index: number): number => Number(buffer.readBigUInt64LE(index * 8));
  return { type: word(0), bsize: word(1), blocks: word(2), bfree: word(3), files: word(5), namelen: word(8) };
}
