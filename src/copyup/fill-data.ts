/** Copies the content of a file: reflink, else copy_file_range, else read and write; holes stay holes. */
import { Errno, fsError } from '../core/errno.js';
import { SEEK_DATA, SEEK_HOLE } from '../core/flags.js';
import { pread, pwrite, seekOrEnd, truncate, tryCopyRange } from '../sys/files/file-io.js';
import { tryClone } from '../sys/ioctl.js';
import { allocate, type Memory } from '../sys/libc.js';

const CHUNK = 1 << 20;
/** One copy_file_range call; the kernel is interruptible only between its own smaller steps. */
const RANGE = 64 << 20;

/**
 * Why FICLONE may fail without harm: the file system has no reflinks (EOPNOTSUPP, ENOTTY, EINVAL), or source
 * and copy are on two file systems (EXDEV), or the range cannot be shared (ETXTBSY: a swap file; EPERM: an
 * immutable source).
 */
const CLONE_TOLERATED = new Set<number>([
  Errno.EOPNOTSUPP,
  Errno.ENOTTY,
  Errno.EINVAL,
  Errno.EXDEV,
  Errno.ETXTBSY,
  Errno.EPERM,
  Errno.ENOSYS,
]);

/** Why copy_file_range may fail without harm: not between these two file systems, or not on one of them. */
const RANGE_TOLERATED = new Set<number>([
  Errno.EXDEV,
  Errno.EINVAL,
  Errno.EOPNOTSUPP,
  Errno.ENOSYS,
  Errno.ETXTBSY,
  Errno.EPERM,
]);

/** Shares all blocks of `from` with the empty `to`. False: this pair of files cannot. */
export function cloneData(from: number, to: number): boolean {
  const result = tryClone(to, from);
  if (result === 0) return true;
  if (CLONE_TOLERATED.has(-result)) return false;
  throw fsError(-result, 'FICLONE');
}

/**
 * Copies the first `length` bytes of `from` to the empty file `to`.
 * @param sparse whether `from` may have holes; a file that has all its blocks need not be asked
 */
export function copyData(from: number, to: number, length: number, sparse: boolean): void {
  if (!sparse) {
    copyExtent(from, to, 0, length);
    return;
  }
  let at = 0;
  while (at < length) {
    const data = seekOrEnd(from, at, SEEK_DATA);
    if (data < 0 || data >= length) break;
    const end = seekOrEnd(from, data, SEEK_HOLE);
    // Shorter than a moment ago: somebody changes the layer under us.
    if (end < 0) throw fsError(Errno.EIO, 'copy-up');
    const hole = Math.min(end, length);
    copyExtent(from, to, data, hole);
    at = hole;
  }
  truncate(to, length);
}

function copyExtent(from: number, to: number, start: number, end: number): void {
  let at = start;
  while (at < end) {
    const copied = tryCopyRange(from, at, to, at, Math.min(end - at, RANGE));
    if (copied < 0) {
      if (!RANGE_TOLERATED.has(-copied)) throw fsError(-copied, 'copy_file_range');
      copyByHand(from, to, at, end);
      return;
    }
    // Some file systems report 0 for files whose content is made on the fly: read(2) decides.
    if (copied === 0) {
      copyByHand(from, to, at, end);
      return;
    }
    at += copied;
  }
}

let chunk: Memory | null = null;

function copyByHand(from: number, to: number, start: number, end: number): void {
  chunk ??= allocate(CHUNK);
  let at = start;
  while (at < end) {
    const got = pread(from, chunk.address, Math.min(CHUNK, end - at), at);
    // The lower file is shorter than its stat said: somebody changes the layer under us.
    if (got === 0) throw fsError(Errno.EIO, 'copy-up');
    for (let put = 0; put < got; ) put += pwrite(to, chunk.address + put, got - put, at + put);
    at += got;
  }
}
