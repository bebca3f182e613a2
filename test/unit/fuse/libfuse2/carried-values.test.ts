/**
 * Values that pass through fuse-native: numbers of 32 bits, names as UTF-8, libfuse's own names and options.
 */
import { describe, expect, it } from 'vitest';
import type { NodeId } from '../../../../src/core/brand.js';
import { FileStat } from '../../../../src/core/file-stat.js';
import { libfuseOptions } from '../../../../src/fuse/libfuse2/libfuse2-options.js';
import { HiddenFiles } from '../../../../src/fuse/libfuse2/paths/hidden-files.js';
import { OpenFiles } from '../../../../src/fuse/libfuse2/paths/open-files.js';
import { libfuse2StatFs, ShortNumbers, statWords } from '../../../../src/fuse/libfuse2/paths/stat.js';
import { toBytes, toExactText, toText } from '../../../../src/fuse/libfuse2/paths/text.js';

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

describe('names', () => {
  it('that are UTF-8 are the same after a conversion and back', () => {
    for (const text of ['plain', 'ümläut', '漢字', '🙂']) {
      expect(toBytes(text)).toBe(Buffer.from(text).toString('latin1'));
      expect(toExactText(toBytes(text))).toBe(text);
    }
  });

  it('that are not UTF-8 are refused, and shown with U+FFFD', () => {
    expect(toText('a\xff')).toBe('a\uFFFD');
    expect(() => toExactText('a\xff')).toThrow(/EILSEQ/);
    expect(() => toBytes('a\uFFFD')).toThrow(/EILSEQ/);
  });
});

describe('files that are removed while they are open', () => {
  it('are recognized by the name that libfuse gives them, in the same directory', () => {
    const name = '.fuse_hidden0000002a00000001';
    expect(HiddenFiles.isHiding('/d/f', `/d/${name}`)).toBe(true);
    expect(HiddenFiles.isHiding('/f', `/${name}`)).toBe(true);
    expect(HiddenFiles.isHiding('/e/f', `/d/${name}`)).toBe(false);
    expect(HiddenFiles.isHiding('/d/f', '/d/.fuse_hidden')).toBe(false);
  });

  it('move with their directory, which cannot be removed', () => {
    const hidden = new HiddenFiles();
    hidden.add('/d/x', 5 as NodeId);
    hidden.move('/d', '/new');
    expect([hidden.get('/d/x'), hidden.get('/new/x')]).toEqual([undefined, 5]);
    expect([hidden.hasBelow('/d'), hidden.hasBelow('/new'), hidden.hasBelow('/ne')]).toEqual([false, true, false]);
    expect([hidden.remove('/new/x'), hidden.remove('/new/x'), hidden.hasBelow('/new')]).toEqual([true, false, false]);
  });
});

describe('open files', () => {
  it('have unique numbers larger than 0 until they are removed', () => {
    const files = new OpenFiles();
    const [first, second] = [files.add(5 as NodeId, 0), files.add(5 as NodeId, 2)];
    expect([first > 0, second > 0, first !== second]).toEqual([true, true, true]);
    expect(files.remove(second)).toEqual({ nodeid: 5, flags: 2 });
    expect([files.isOpen(5 as NodeId), files.get(first)]).toEqual([true, 5]);
    files.remove(first);
    expect([files.isOpen(5 as NodeId), files.size]).toEqual([false, 0]);
    expect(() => files.get(first)).toThrow(/EBADF/);
  });
});

describe('mount options', () => {
  const request = {
    target: '/mnt',
    subtype: 'plyfs',
    fsname: 'a,b\\c',
    flags: 1,
    allowOther: true,
  };

  it('are escaped, and let the kernel cache attributes on a read-only mount only', () => {
    const text = libfuseOptions(request, 60);
    expect(text).toContain(',fsname=a\\,b\\\\c,');
    expect(text).toContain(',attr_timeout=60,');
    expect(text).toContain(',ro,');
    expect(libfuseOptions({ ...request, flags: 0 }, 60)).toContain(',attr_timeout=0,');
  });

  it('that fuse-native would truncate are refused', () => {
    expect(() => libfuseOptions({ ...request, fsname: 'x'.repeat(1000) }, 60)).toThrow(/ENAMETOOLONG/);
  });
});
