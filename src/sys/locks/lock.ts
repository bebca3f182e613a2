/** Locks with flock(2). */
import { Errno, fsError } from '../../core/errno.js';
import { bind, lastErrno } from '../libc.js';

const flock = bind<(fd: number, operation: number) => number>('int flock(int, int)');
const LOCK_SH_NB = 1 | 4;
const LOCK_EX_NB = 2 | 4;

/** Takes an exclusive lock, until the open file is closed. Returns false if another open file has a lock. */
export function tryLock(fd: number): boolean {
  return attempt(fd, LOCK_EX_NB);
}

/**
 * Takes a shared lock, which replaces an exclusive one. Returns false if another open file has an exclusive
 * lock.
 */
export function tryShareLock(fd: number): boolean {
  return attempt(fd, LOCK_SH_NB);
}

function attempt(fd: number, operation: number): boolean {
  if (flock(fd, operation) === 0) return true;
  const errno = lastErrno();
  if (errno === Errno.EAGAIN) return false;
  throw fsError(errno, 'flock');
}
