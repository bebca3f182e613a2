/** Copies the content of a file by reflink, copy_file_range(2), or read and write. Holes stay holes. */
import { Errno, fsError } from '../core/errno.js';
import { SEEK_DATA, SEEK_HOLE } from '../core/flags.js';
import { pread, pwrite, seekOrEnd, truncate, tryCopyRange } from '../sys/files/file-io.js';
import { tryClone } from '../sys/ioctl.js';
import { allocate, type Memory } from '../sys/libc.js';

const CHUNK = 1 << 20;
/** Size of one copy_file_range call. */
const RANGE = 64 << 20;

/**
 * Errnos of FICLONE after which the data is copied: the file system has no reflinks (EOPNOTSUPP, ENOTTY,
 * EINVAL, ENOSYS), source and copy are on two file systems (EXDEV), or the blocks cannot be shared (ETXTBSY:
 * a swap file; EPERM: an immutable source).
 */
const NO_REFLINK = new Set<number>([
  Errno.EOPNOTSUPP,
  Errno.ENOTTY,
  Errno.EINVAL,
  Errno.EXDEV,
  Errno.ETXTBSY,
  Errno.EPERM,
  Errno.ENOSYS,
]);

/**
 * Errnos of copy_file_range after which the data is read and written: these file systems do not support it.
 */
const NO_COPY_RANGE = new Set<number>([
  Errno.EXDEV,
  Errno.EINVAL,
  Errno.EOPNOTSUPP,
  Errno.ENOSYS,
  Errno.ETXTBSY,
  Errno.EPERM,
]);

/** Shares all blocks of `from` with the empty `to`. Returns false if these two files cannot share blocks. */
export function cloneData(from: number, to: number): boolean {
  const result = tryClone(to, from);
  if (result === 0) return true;
  if (NO_REFLINK.has(-result)) return false;
  throw fsError(-result, 'FICLONE');
}

/**
 * Copies the first `length` bytes of `from` to the empty file `to`.
 * @param sparse whether `from` can have holes; if not, the search for them is saved
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
    // The file has become shorter: another process changes the layer.
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
      if (!NO_COPY_RANGE.has(-copied)) throw fsError(-copied, 'copy_file_range');
      copyByReadWrite(from, to, at, end);
      return;
    }
    // Some file systems return 0 for files whose content they generate, such as procfs.
    if (copied === 0) {
      copyByReadWrite(from, to, at, end);
      return;
    }
    at += copied;
  }
}

let chunk: Memory | null = null;

function copyByReadWrite(from: number, to: number, start: number, end: number): void {
  chunk ??= allocate(CHUNK);
  let at = start;
  while (at < end) {
    const got = pread(from, chunk.address, Math.min(CHUNK, end - at), at);
    // The file is shorter than its size was: another process changes the layer.
    if (got === 0) throw fsError(Errno.EIO, 'copy-up');
    for (let put = 0; put < got; ) put += pwrite(to, chunk.address + put, got - put, at + put);
    at += got;
  }
}
