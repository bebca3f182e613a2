/**
 * A mark on an open directory that a mount uses as its upper or work directory. It exists until the open file
 * is closed. It is a lock (`byte-lock.ts`) of a byte that other programs do not lock. flock(2) cannot be
 * used, because other tools lock directories with it for their own purposes.
 */
import { Errno, fsError } from '../../core/errno.js';
import { tryFindLock, tryLockByte } from './byte-lock.js';

/** The bytes of "ply" as a number. */
const POSITION = 0x706c79;

/**
 * Errnos of file systems without such locks (ENOLCK: network file systems; EINVAL, EBADF: no locks on
 * directories).
 */
const WITHOUT_LOCKS: ReadonlySet<number> = new Set([Errno.ENOLCK, Errno.EINVAL, Errno.EBADF, Errno.EOPNOTSUPP]);

/** Marks the directory `fd`. Several mounts can mark it. Does nothing on a file system without locks. */
export function markInUse(fd: number): void {
  checkLock(tryLockByte(fd, POSITION));
}

/** Whether another open file of the directory has the mark. False on a file system without locks. */
export function isMarkedInUse(fd: number): boolean {
  const found = tryFindLock(fd, POSITION, 1);
  return found !== null && checkLock(found);
}

/** Throws a negative errno. Returns false for those of a file system without locks. */
function checkLock(result: number): boolean {
  if (result >= 0) return true;
  if (WITHOUT_LOCKS.has(-result)) return false;
  throw fsError(-result, 'fcntl');
}
