/**
 * A mark on an open directory, for as long as the file is open: a mount uses the directory as its upper or
 * work directory. It is a lock (`byte-lock.ts`) of a byte that nobody else would lock. flock(2) would not do,
 * because tools lock directories with it for reasons of their own.
 */
import { Errno, fsError } from '../../core/errno.js';
import { tryFindLock, tryLockByte } from './byte-lock.js';

/** "ply" */
const POSITION = 0x706c79;

/** Errnos of a file system without such locks (ENOLCK: a network's; EINVAL, EBADF: none on directories). */
const WITHOUT_LOCKS: ReadonlySet<number> = new Set([Errno.ENOLCK, Errno.EINVAL, Errno.EBADF, Errno.EOPNOTSUPP]);

/** Marks the directory `fd`; several mounts can. On a file system without locks it stays unmarked. */
export function markInUse(fd: number): void {
  refuse(tryLockByte(fd, POSITION));
}

/** Whether another open file of the directory has the mark. False on a file system without locks. */
export function isMarkedInUse(fd: number): boolean {
  const found = tryFindLock(fd, POSITION, 1);
  return found !== null && refuse(found);
}

/** Throws a negative errno, except those of a file system without locks, for which it returns false. */
function refuse(result: number): boolean {
  if (result >= 0) return true;
  if (WITHOUT_LOCKS.has(-result)) return false;
  throw fsError(-result, 'fcntl');
}
