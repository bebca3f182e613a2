import { expect, it } from 'vitest';
import { FileStat } from '../../../../src/core/file-stat.js';
import { encodeAttr, encodeDev } from '../../../../src/fuse/wire/encode-attr.js';
import { Attr } from '../../../../src/fuse/wire/reply-structs.js';

it('a device number is packed as the kernel packs it', () => {
  expect(encodeDev(1, 3)).toBe(0x103);
  expect(encodeDev(259, 0x12345)).toBe(0x12310345);
  expect(encodeDev(0, 0)).toBe(0);
});

it('attributes are at the offsets of fuse_attr; times before 1970 and large numbers are exact', () => {
  const stat = Object.assign(new FileStat(), {
    ino: 2 ** 52 + 1,
    size: 2 ** 40 + 3,
    blocks: 2 ** 33,
    atimeSec: -1,
    mtimeSec: -(2 ** 33) - 5,
    ctimeSec: 1_700_000_000,
    ...{ atimeNsec: 1, mtimeNsec: 2, ctimeNsec: 999_999_999 },
    ...{ mode: 0o100644, nlink: 3, uid: 0xffff_fffe, gid: 7, rdevMajor: 8, rdevMinor: 1, blksize: 512 },
  });
  const bytes = Buffer.alloc(8 + Attr.sizeof, 0xff);
  encodeAttr(new Uint32Array(bytes.buffer, bytes.byteOffset), 2, stat);
  const { ino, size, blocks, atime, mtime, ctime, atimensec, mtimensec, ctimensec, ...words } = Attr;
  const signed = (offset: number): number => Number(bytes.readBigInt64LE(8 + offset));
  const word = (offset: number): number => bytes.readUInt32LE(8 + offset);
  expect([ino, size, blocks].map(signed)).toEqual([stat.ino, stat.size, stat.blocks]);
  expect([atime, mtime, ctime].map(signed)).toEqual([stat.atimeSec, stat.mtimeSec, stat.ctimeSec]);
  expect([atimensec, mtimensec, ctimensec].map(word)).toEqual([1, 2, 999_999_999]);
  expect([words.mode, words.nlink, words.uid, words.gid].map(word)).toEqual([0o100644, 3, 0xffff_fffe, 7]);
  expect([words.rdev, words.blksize, words.flags].map(word)).toEqual([0x801, 512, 0]);
});
