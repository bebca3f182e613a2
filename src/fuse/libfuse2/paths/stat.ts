/**
 * What `stat` and `statfs` say, as fuse-native takes it: in unsigned 32-bit numbers, sizes and milliseconds
 * in two.
 */
import type { FileStat } from '../../../core/file-stat.js';
import { HIGH_WORD } from '../../../sys/u64.js';
import type { StatFs } from '../../operations.js';

/** Inode numbers of 32 bits: larger ones are each given one of their own, from the top down. */
export class ShortNumbers {
  private readonly given = new Map<number, number>();

  of(ino: number): number {
    if (ino < HIGH_WORD) return ino;
    let short = this.given.get(ino);
    if (short === undefined) {
      short = HIGH_WORD - 1 - this.given.size;
      this.given.set(ino, short);
    }
    return short;
  }
}

/** fuse-native has no times before 1970: they are shown as its first moment. */
function milliseconds(sec: number, nsec: number): number {
  return Math.max(0, sec * 1000 + Math.floor(nsec / 1e6));
}

/** glibc's makedev(3); majors of more than 12 bits do not fit. */
function device(major: number, minor: number): number {
  return (((minor & 0xfff00) << 12) | ((major & 0xfff) << 8) | (minor & 0xff)) >>> 0;
}

/** In the order of fuse-native.c:populate_stat; what has 64 bits there takes two words, the low one first. */
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

/** The type alone and the number, for a listing. */
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

/** A file system of more blocks than 32 bits count is shown with larger blocks. */
export function nativeStatFs({ blocks, bfree, bavail, files, ffree, bsize, frsize, namelen }: StatFs): Libfuse2StatFs {
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
