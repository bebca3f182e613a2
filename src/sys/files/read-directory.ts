/** Lists directories with getdents64(2). */
import type { EntryName } from '../../core/brand.js';
import { allocate, bind, check } from '../libc.js';
import { seek } from './file-io.js';
import { inodeNumber } from './inode-number.js';

const getdents64 = bind<(fd: number, into: number, size: number) => number>('long getdents64(int, intptr_t, size_t)');

const BYTES = 65536;
const memory = allocate(BYTES);
const view = new DataView(memory.buffer.buffer);

/**
 * Calls `each` with every entry of an open directory except `.` and `..`. `each` must not read a directory
 * itself, because a thread has only one buffer. It can keep the names.
 */
export function readDirectory(fd: number, each: (name: EntryName, ino: number, type: number) => void): void {
  seek(fd, 0, 0);
  for (;;) {
    const filled = check(getdents64(fd, memory.address, BYTES), 'getdents64');
    if (filled === 0) return;
    for (let at = 0; at < filled; ) {
      const length = view.getUint16(at + 16, true);
      const name = entryName(at + 19, at + length);
      if (name !== '.' && name !== '..') {
        const ino = inodeNumber(view.getUint32(at + 4, true), view.getUint32(at, true));
        each(name, ino, view.getUint8(at + 18));
      }
      at += length;
    }
  }
}

/**
 * Reads some entries of an open directory, so that its file system updates the access time by the options of
 * its mount. A failure (EBADF: an O_PATH fd) is ignored, as in the kernel (fs/inode.c:touch_atime), because
 * only the time does not change.
 */
export function touchDirectory(fd: number): void {
  getdents64(fd, memory.address, BYTES);
}

/** Returns the NUL-terminated name between the offsets `start` and `end` of a `struct linux_dirent64`. */
function entryName(start: number, end: number): EntryName {
  const { buffer } = memory;
  // Records are padded to a multiple of 8 bytes, so the terminator is one of the last 8.
  let nul = Math.max(start, end - 8);
  while (buffer[nul] !== 0) nul++;
  return buffer.toString('latin1', start, nul) as EntryName;
}
