/**
 * Read locks of single bytes of an open directory (man fcntl_locking(2), open file description locks), used
 * as marks. A mark exists until its open file is closed. It is not stored on disk, and every process that
 * opens the directory can find it.
 */
import { allocate, bind, lastErrno } from '../libc.js';

const fcntl = bind<(fd: number, command: number, lock: number) => number>('int fcntl(int, int, intptr_t)');

const F_OFD_GETLK = 36;
const F_OFD_SETLK = 37;
const F_RDLCK = 0;
const F_WRLCK = 1;
const F_UNLCK = 2;

/** struct flock on 64-bit Linux: i16 l_type, l_whence, padding, i64 l_start, l_len, i32 l_pid (0). */
const lock = allocate(32);

function call(fd: number, command: number, type: number, start: number, length: number): number {
  lock.buffer.fill(0);
  lock.buffer.writeInt16LE(type, 0);
  lock.buffer.writeBigInt64LE(BigInt(start), 8);
  lock.buffer.writeBigInt64LE(BigInt(length), 16);
  return fcntl(fd, command, lock.address) < 0 ? -lastErrno() : 0;
}

/**
 * Locks the byte at `position` of `fd` for reading. Several open files can lock it. Returns 0, or the
 * negative errno.
 */
export function tryLockByte(fd: number, position: number): number {
  return call(fd, F_OFD_SETLK, F_RDLCK, position, 1);
}

/**
 * Returns the position of a byte that another open file of the object has locked; null: there is none. A
 * failure is the negative errno.
 * @param start the first position
 * @param length the number of positions; 0: all that follow
 */
export function tryFindLock(fd: number, start: number, length: number): number | null {
  const result = call(fd, F_OFD_GETLK, F_WRLCK, start, length);
  if (result < 0) return result;
  return lock.buffer.readInt16LE(0) === F_UNLCK ? null : Number(lock.buffer.readBigInt64LE(8));
}
