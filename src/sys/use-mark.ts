/**
 * A mark on an open directory that lasts as long as its open file: an open-file-description lock (man fcntl_locking(2)) on a byte that
 * nobody else would lock. Unlike flock(2), which tools take on directories for reasons of their own, it says who has set it.
 */
import { Errno, fsError } from '../core/errno.js';
import { allocate, bind, lastErrno } from './libc.js';

const fcntl = bind<(fd: number, command: number, lock: number) => number>('int fcntl(int, int, intptr_t)');

const F_OFD_GETLK = 36;
const F_OFD_SETLK = 37;
const F_RDLCK = 0;
const F_WRLCK = 1;
const F_UNLCK = 2;
/** "ply" */
const BYTE = 0x706c79n;

/** struct flock on 64-bit Linux: type, whence, start, length, pid (0). */
const lock = allocate(32);

/** Many can mark one directory. Nothing happens on a file system without locks: then it is as without marks. */
export function markInUse(fd: number): void {
  call(fd, F_OFD_SETLK, F_RDLCK);
}

/** Whether another open file of the directory has a mark. */
export function isMarkedInUse(fd: number): boolean {
  return call(fd, F_OFD_GETLK, F_WRLCK) && lock.buffer.readInt16LE(0) !== F_UNLCK;
}

/** False: the file system has no locks (of a network: ENOLCK; EINVAL, EBADF: not on directories). */
function call(fd: number, command: number, type: number): boolean {
  lock.buffer.fill(0);
  lock.buffer.writeInt16LE(type, 0);
  lock.buffer.writeBigInt64LE(BYTE, 8);
  lock.buffer.writeBigInt64LE(1n, 16);
  if (fcntl(fd, command, lock.address) === 0) return true;
  const errno = lastErrno();
  if (WITHOUT_LOCKS.has(errno)) return false;
  throw fsError(errno, 'fcntl');
}

const WITHOUT_LOCKS: ReadonlySet<number> = new Set([Errno.ENOLCK, Errno.EINVAL, Errno.EBADF, Errno.EOPNOTSUPP]);
