/** flock(2). */
import { Errno, fsError } from '../core/errno.js';
import { bind, lastErrno } from './libc.js';

const flock = bind<(fd: number, operation: number) => number>('int flock(int, int)');
const LOCK_EX_NB = 2 | 4;

/** Takes an exclusive lock that ends with the open file. False: somebody else has it. */
export function tryLock(fd: number): boolean {
  if (flock(fd, LOCK_EX_NB) === 0) return true;
  const errno = lastErrno();
  if (errno === Errno.EAGAIN) return false;
  throw fsError(errno, 'flock');
}
