/** flock(2). */
import { Errno, fsError } from '../../core/errno.js';
import { bind, lastErrno } from '../libc.js';

const flock = bind<(fd: number, operation: number) => number>('int flock(int, int)');
const LOCK_SH_NB = 1 | 4;
const LOCK_EX_NB = 2 | 4;

/** Takes an exclusive lock that ends with the open file. False: somebody else has it. */
export function tryLock(fd: number): boolean {
  return attempt(fd, LOCK_EX_NB);
}

/** The same of a lock that others can have too; one that this open file has already becomes such a lock. */
export function tryShareLock(fd: number): boolean {
  return attempt(fd, LOCK_SH_NB);
}

function attempt(fd: number, operation: number): boolean {
  if (flock(fd, operation) === 0) return true;
  const errno = lastErrno();
  if (errno === Errno.EAGAIN) return false;
  throw fsError(errno, 'flock');
}
