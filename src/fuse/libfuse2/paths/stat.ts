/**
 * The results of `stat` and `statfs` for fuse-native: unsigned 32-bit numbers, two for a size or
 * milliseconds.
 */
import type { FileStat } from '../../../core/file-stat.js';
import { HIGH_WORD } from '../../../sys/u64.js';
import type { StatFs } from '../../operations.js';

/**
 * Inode numbers of 32 bits. Each larger number gets a short one, unique and stable, from the largest down.
 */
export class ShortNumbers {
  private readonly shortened = new Map<number, number>();

  of(ino: number): number {
    if (ino < HIGH_WORD) return ino;
    let short = this.shortened.get(ino);
    if (short === undefined) {
      short = HIGH_WORD - 1 - this.shortened.size;
      this.shortened.set(ino, short);
    }
    return short;
  }
}

/** fuse-native has no times before 1970, and shows them as 1970-01-01 00:00. */
function milliseconds(sec: number, nsec: number): number {
  return Math.max(0, sec * 1000 + Math.floor(nsec / 1e6));
}

/** glibc's makedev(3). Only 12 bits of the major number fit. */
function device(major: number, minor: number): number {
  return (((minor & 0xfff00) << 12) | ((major & 0xfff) << 8) | (minor & 0xff)) >>> 0;
}

/** In the order of fuse-native.c:populate_stat. A member of 64 bits is two words, the low one first. */
export function statWords(attr: FileStat, numbers: ShortNumbers): Uint32Array {
  const rdev = device(attr.rdevMajor, attr.rdevMinor);
  const atime = milliseconds(attr.atimeSec, attr.atimeNsec);
  const mtime = milliseconds(attr.mtimeSec, attr.mtimeNsec);
  const ctime = milliseconds(attr.ctimeSec, attr.ctimeNsec);
  return Uint32Array.of(
    ...[attr.mode, attr.uid, attr.gid, ...twoWords(attr.size), 0, attr.nlink, numbers.of(attr.ino), rdev],
    ...[attr.blksize, ...twoWords(attr.blocks), ...twoWords(atime), ...twoWords(mtime), ...twoWords(ctime)],
  );
}

function twoWords(value: number): [number, number] {
  return [value % HIGH_WORD, Math.floor(value / HIGH_WORD)];
}

/** Attributes for an entry of a listing: only the type and the inode number. */
export function listedStat(ino: number, type: number, numbers: ShortNumbers): { mode: number; ino: number } {
  return { mode: type << 12, ino: numbers.of(ino) };
}

export interface Libfuse2StatFs {
  readonly bsize: number;
  readonly frsize: number;
  readonly blocks: number;
  readonly bfree: number;
  readonly bavail: number;
  readonly files: number;
  readonly ffree: number;
  readonly favail: number;
  readonly namemax: number;
}

/** If the number of blocks has more than 32 bits, the file system is shown with fewer and larger blocks. */
export function libfuse2StatFs({
  blocks,
  bfree,
  bavail,
  files,
  ffree,
  bsize,
  frsize,
  namelen,
}: StatFs): Libfuse2StatFs {
  let scale = 1;
  while (blocks / scale >= HIGH_WORD) scale *= 2;
  const scaled = (count: number): number => Math.floor(count / scale);
  const limited = (count: number): number => Math.min(count, HIGH_WORD - 1);
  return {
    bsize,
    frsize: frsize * scale,
    blocks: scaled(blocks),
    bfree: scaled(bfree),
    bavail: scaled(bavail),
    files: limited(files),
    ffree: limited(ffree),
    favail: limited(ffree),
    namemax: namelen,
  };
}
