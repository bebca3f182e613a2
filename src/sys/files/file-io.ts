/** System calls for the data of open files. Offsets and sizes are in bytes. */
import { Errno, fsError } from '../../core/errno.js';
import { addressOf, allocate, bind, check, lastErrno } from '../libc.js';

const pread64 = bind<(fd: number, into: number, size: number, offset: number) => number>(
  'long pread64(int, intptr_t, size_t, int64_t)',
);
const pwrite64 = bind<(fd: number, from: number, size: number, offset: number) => number>(
  'long pwrite64(int, intptr_t, size_t, int64_t)',
);
const readFd = bind<(fd: number, into: number, size: number) => number>('long read(int, intptr_t, size_t)');
const writeFd = bind<(fd: number, from: number, size: number) => number>('long write(int, intptr_t, size_t)');
const ftruncate64 = bind<(fd: number, size: number) => number>('int ftruncate64(int, int64_t)');
const fsyncFd = bind<(fd: number) => number>('int fsync(int)');
const syncfsFd = bind<(fd: number) => number>('int syncfs(int)');
const fdatasyncFd = bind<(fd: number) => number>('int fdatasync(int)');
const fallocate64 = bind<(fd: number, mode: number, offset: number, length: number) => number>(
  'int fallocate64(int, int, int64_t, int64_t)',
);
const fadvise64 = bind<(fd: number, offset: number, length: number, advice: number) => number>(
  'int posix_fadvise64(int, int64_t, int64_t, int)',
);
const syncFileRange = bind<(fd: number, offset: number, length: number, flags: number) => number>(
  'int sync_file_range(int, int64_t, int64_t, uint)',
);
const lseek64 = bind<(fd: number, offset: number, whence: number) => number>('int64_t lseek64(int, int64_t, int)');
const copyRange = bind<
  (from: number, fromOffset: number, to: number, toOffset: number, size: number, flags: number) => number
>('long copy_file_range(int, intptr_t, int, intptr_t, size_t, uint)');

/** Reads at `offset` into memory at `address`. Returns the number of bytes read, 0 at the end of the file. */
export function pread(fd: number, address: number, size: number, offset: number): number {
  return check(pread64(fd, address, size, offset), 'pread');
}

export function pwrite(fd: number, address: number, size: number, offset: number): number {
  return check(pwrite64(fd, address, size, offset), 'pwrite');
}

let recent: Buffer | null = null;
let recentAddress = 0;

/** Remembers the address of one Buffer, because the transport uses the same memory for all requests. */
function addressOfRecent(buffer: Buffer): number {
  if (buffer !== recent) {
    recent = buffer;
    recentAddress = addressOf(buffer);
  }
  return recentAddress;
}

const oneByte = allocate(8);

/** Reads one byte of an open file, so that its file system updates the access time. As `touchDirectory`. */
export function touchFile(fd: number): void {
  pread64(fd, oneByte.address, 1, 0);
}

/** As {@link pread}, into `buffer` from its offset `at` on. */
export function preadInto(fd: number, buffer: Buffer, at: number, size: number, offset: number): number {
  return pread(fd, addressOfRecent(buffer) + at, size, offset);
}

/** As {@link pwrite}, from `buffer` from its offset `at` on. */
export function pwriteFrom(fd: number, buffer: Buffer, at: number, size: number, offset: number): number {
  return pwrite(fd, addressOfRecent(buffer) + at, size, offset);
}

/** As {@link pread}; a failure is the negative errno. */
export function tryPread(fd: number, address: number, size: number, offset: number): number {
  const got = pread64(fd, address, size, offset);
  return got < 0 ? -lastErrno() : got;
}

/** read(2). A failure is the negative errno, because callers in loops often get EAGAIN. */
export function tryRead(fd: number, address: number, size: number): number {
  const got = readFd(fd, address, size);
  return got < 0 ? -lastErrno() : got;
}

/** write(2). A failure is the negative errno. */
export function tryWrite(fd: number, address: number, size: number): number {
  const put = writeFd(fd, address, size);
  return put < 0 ? -lastErrno() : put;
}

export function truncate(fd: number, size: number): void {
  check(ftruncate64(fd, size), 'ftruncate');
}

export function sync(fd: number): void {
  check(fsyncFd(fd), 'fsync');
}

/** fsync(2), or with `datasync` fdatasync(2). */
export function waitForSync(fd: number, datasync: boolean): void {
  if (datasync) dataSync(fd);
  else sync(fd);
}

/** Writes all data of the file system of `fd` to the disk (syncfs(2)). */
export function syncFs(fd: number): void {
  check(syncfsFd(fd), 'syncfs');
}

export function dataSync(fd: number): void {
  check(fdatasyncFd(fd), 'fdatasync');
}

export function allocateRange(fd: number, mode: number, offset: number, length: number): void {
  check(fallocate64(fd, mode, offset, length), 'fallocate');
}

const POSIX_FADV_WILLNEED = 3;

/**
 * Starts to read a range into the page cache, and does not wait for it. It is a hint, so a failure is
 * ignored.
 */
export function prefetch(fd: number, offset: number, length: number): void {
  fadvise64(fd, offset, length, POSIX_FADV_WILLNEED);
}

const SYNC_FILE_RANGE_WRITE = 2;

/**
 * Starts to write a range to the disk, and does not wait for it. It is a hint, so a failure is ignored: a
 * later fsync(2) writes everything and reports all errors.
 */
export function startWriting(fd: number, offset: number, length: number): void {
  syncFileRange(fd, offset, length, SYNC_FILE_RANGE_WRITE);
}

/** lseek(2). Throws ENXIO too, if there is no data or the offset is beyond the end. */
export function seek(fd: number, offset: number, whence: number): number {
  return check(lseek64(fd, offset, whence), 'lseek');
}

const offsets = allocate(16);
const offsetWords = new BigInt64Array(offsets.buffer.buffer);

/** copy_file_range(2) with both offsets. Returns the number of bytes copied, or the negative errno. */
export function tryCopyRange(from: number, fromOffset: number, to: number, toOffset: number, size: number): number {
  offsetWords[0] = BigInt(fromOffset);
  offsetWords[1] = BigInt(toOffset);
  const copied = copyRange(from, offsets.address, to, offsets.address + 8, size, 0);
  return copied < 0 ? -lastErrno() : copied;
}

/** As {@link seek}, but returns -1 for ENXIO: there is no such position after `offset`. */
export function seekOrEnd(fd: number, offset: number, whence: number): number {
  const at = lseek64(fd, offset, whence);
  if (at >= 0) return at;
  const errno = lastErrno();
  if (errno === Errno.ENXIO) return -1;
  throw fsError(errno, 'lseek');
}
