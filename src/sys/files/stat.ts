/** statx(2) and fstatfs(2). */
import { Errno, fsError } from '../../core/errno.js';
import type { FileStat, Moment } from '../../core/file-stat.js';
import { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, allocate, bind, check, cPath, lastErrno } from '../libc.js';
import { HIGH_WORD } from '../u64.js';
import { inodeNumber } from './inode-number.js';

const statx = bind<(fd: number, path: number, flags: number, mask: number, into: number) => number>(
  'int statx(int, intptr_t, int, uint, intptr_t)',
);
const fstatfs = bind<(fd: number, into: number) => number>('int fstatfs(int, intptr_t)');

const STATX_BASIC_STATS = 0x7ff;
const STATX_BTIME = 0x800;
const FLAGS = AT_SYMLINK_NOFOLLOW | 0x800; /* AT_NO_AUTOMOUNT */
const STATX_ATTR_IMMUTABLE = 0x10;
const STATX_ATTR_APPEND = 0x20;

const memory = allocate(256);
const u32 = new Uint32Array(memory.buffer.buffer);
const i32 = new Int32Array(memory.buffer.buffer);

/** The high word of 2^53, the first size that a number cannot hold exactly. */
const HIGH_OF_UNSAFE = 0x20_0000;

/** Decodes `struct statx` (linux/stat.h); indexes count 32-bit words. */
function decode(into: FileStat): void {
  into.blksize = u32[1] as number;
  into.immutable = ((u32[2] as number) & STATX_ATTR_IMMUTABLE) !== 0;
  into.appendOnly = ((u32[2] as number) & STATX_ATTR_APPEND) !== 0;
  into.nlink = u32[4] as number;
  into.uid = u32[5] as number;
  into.gid = u32[6] as number;
  into.mode = (u32[7] as number) & 0xffff;
  into.ino = inodeNumber(u32[9] as number, u32[8] as number);
  // A rounded size would be wrong (man stat(2), EOVERFLOW).
  if ((u32[11] as number) >= HIGH_OF_UNSAFE) throw fsError(Errno.EOVERFLOW, 'statx');
  into.size = (u32[11] as number) * HIGH_WORD + (u32[10] as number);
  into.blocks = (u32[13] as number) * HIGH_WORD + (u32[12] as number);
  into.atimeSec = (i32[17] as number) * HIGH_WORD + (u32[16] as number);
  into.atimeNsec = u32[18] as number;
  into.ctimeSec = (i32[25] as number) * HIGH_WORD + (u32[24] as number);
  into.ctimeNsec = u32[26] as number;
  into.mtimeSec = (i32[29] as number) * HIGH_WORD + (u32[28] as number);
  into.mtimeNsec = u32[30] as number;
  into.rdevMajor = u32[32] as number;
  into.rdevMinor = u32[33] as number;
  into.devMajor = u32[34] as number;
  into.devMinor = u32[35] as number;
  // The kernel fills it in even if the mask does not contain it (fs/stat.c:vfs_statx_path).
  into.mount = u32[36] as number;
}

/**
 * Stats `name` in `dirfd` without following a symlink.
 * @returns false if there is no such name: ENOENT, or ENAMETOOLONG, because the names of one layer can be
 * longer than another layer allows. Any other errno is thrown.
 */
export function statAt(dirfd: number, name: string, into: FileStat): boolean {
  if (statx(dirfd, cPath(name), FLAGS, STATX_BASIC_STATS, memory.address) < 0) {
    const errno = lastErrno();
    if (errno === Errno.ENOENT || errno === Errno.ENAMETOOLONG) return false;
    throw fsError(errno, 'statx');
  }
  decode(into);
  return true;
}

/** Stats the object of an open fd, which can be an O_PATH one. */
export function statFd(fd: number, into: FileStat): void {
  check(statx(fd, cPath(''), FLAGS | AT_EMPTY_PATH, STATX_BASIC_STATS, memory.address), 'statx');
  decode(into);
}

/**
 * Returns the time of birth of `name` in `dirfd`, or of `dirfd` itself if `name` is `''`. Does not follow a
 * symlink. Null: the file system has no times of birth.
 */
export function birthTime(dirfd: number, name: string): Moment | null {
  const flags = name === '' ? FLAGS | AT_EMPTY_PATH : FLAGS;
  check(statx(dirfd, cPath(name), flags, STATX_BTIME, memory.address), 'statx');
  if (((u32[0] as number) & STATX_BTIME) === 0) return null;
  return { sec: (i32[21] as number) * HIGH_WORD + (u32[20] as number), nsec: u32[22] as number };
}

export interface FsStat {
  /** The type of the file system (man statfs(2)). */
  type: number;
  bsize: number;
  blocks: number;
  bfree: number;
  bavail: number;
  files: number;
  ffree: number;
  /** f_fsid: identifies a file system. Most file systems have the same at each mount. */
  fsid: string;
  namelen: number;
  frsize: number;
}

/** fstatfs(2) of the file system of `fd` (layout of `struct statfs` on x86-64 and arm64). */
export function statFs(fd: number): FsStat {
  check(fstatfs(fd, memory.address), 'fstatfs');
  const u64 = (word: number): number => (u32[word + 1] as number) * HIGH_WORD + (u32[word] as number);
  return {
    type: u32[0] as number,
    bsize: u64(2),
    blocks: u64(4),
    bfree: u64(6),
    bavail: u64(8),
    files: u64(10),
    ffree: u64(12),
    fsid: `${(u32[14] as number).toString(16)}.${(u32[15] as number).toString(16)}`,
    namelen: u64(16),
    frsize: u64(18),
  };
}
