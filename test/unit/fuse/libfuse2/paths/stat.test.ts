import { describe, expect, it } from 'vitest';
import { FileStat } from '../../../../../src/core/file-stat.js';
import { libfuse2StatFs, ShortNumbers, statWords } from '../../../../../src/fuse/libfuse2/paths/stat.js';

describe('attributes', () => {
  it('are words in the order of populate_stat, with a link count of 0 as it is', () => {
    const attr = new FileStat();
    Object.assign(attr, { mode: 0o100644, uid: 1, gid: 2, size: 2 ** 33 + 7, nlink: 0, ino: 9, blocks: 8 });
    Object.assign(attr, {
      atimeSec: 1,
      atimeNsec: 999_999_999,
      mtimeSec: -5,
      ctimeSec: 2_000_000_000,
      rdevMajor: 8,
      rdevMinor: 257,
    });
    expect([...statWords(attr, new ShortNumbers())]).toEqual([
      ...[0o100644, 1, 2, 7, 2, 0, 0, 9, 0x10_0801, 4096, 8, 0],
      ...[1999, 0, 0, 0, 2_000_000_000_000 % 2 ** 32, Math.floor(2_000_000_000_000 / 2 ** 32)],
    ]);
  });

  it('have inode numbers of 32 bits, stable and unique', () => {
    const numbers = new ShortNumbers();
    const large = [2 ** 48 + 1, 2 ** 48 + 2, 2 ** 49 + 1];
    const short = large.map((ino) => numbers.of(ino));
    expect(new Set(short).size).toBe(3);
    expect(large.map((ino) => numbers.of(ino))).toEqual(short);
    expect(numbers.of(5)).toBe(5);
    expect(short.every((ino) => ino < 2 ** 32)).toBe(true);
  });

  it('of a file system with many blocks have the right size', () => {
    const big = {
      blocks: 2 ** 40,
      bfree: 2 ** 39,
      bavail: 2 ** 38,
      files: 2 ** 40,
      ffree: 1,
      bsize: 4096,
      frsize: 4096,
    };
    const { blocks, frsize, bfree, files } = libfuse2StatFs({ ...big, namelen: 255 });
    expect([blocks * frsize, bfree * frsize, files]).toEqual([2 ** 52, 2 ** 51, 2 ** 32 - 1]);
    expect(blocks).toBeLessThan(2 ** 32);
  });
});
