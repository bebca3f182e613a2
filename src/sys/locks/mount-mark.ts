/**
 * A mark on an open directory, for as long as the file is open: which mounted file system uses the directory.
 * It is a lock (`byte-lock.ts`) whose position is an id of that file system.
 */
import { readdirSync, statSync } from 'node:fs';
import { tryFindLock, tryLockByte } from './byte-lock.js';

/**
 * Marks the open directory `fd` as used by the mounted file system `id`. Any failure only leaves it without a
 * mark: other mounts then assume that this one still exists.
 */
export function markUse(fd: number, id: number): void {
  tryLockByte(fd, id);
}

/**
 * The ids with which others have marked the open directory `fd`; none after a failure, as on a file system
 * without locks.
 */
function markedUses(fd: number): number[] {
  const ids: number[] = [];
  for (let from = 0; ; ) {
    const id = tryFindLock(fd, from, 0);
    if (id === null || id < 0) return ids;
    ids.push(id);
    from = Math.max(from, id) + 1;
  }
}

/**
 * Has a directory for each mounted file system without a block device, named by device number; of all mount
 * namespaces.
 */
const MOUNTED = '/sys/class/bdi';

/**
 * The id of the mounted file system of `device` (`MAJOR:MINOR`): the inode number of its directory in /sys.
 * The kernel reuses device numbers at once, but not these. Null if it is not mounted, or /sys is not.
 */
export function mountedId(device: string): number | null {
  try {
    return statSync(`${MOUNTED}/${device}`, { throwIfNoEntry: false })?.ino ?? null;
  } catch {
    return null; // EACCES: a sandbox hides /sys.
  }
}

/** The ids of all mounted file systems; null where /sys is not mounted. */
function allMountedIds(): Set<number> | null {
  try {
    return new Set(readdirSync(MOUNTED).map((device) => mountedId(device) ?? 0));
  } catch {
    return null; // ENOENT: no /sys; EACCES: a sandbox hides it.
  }
}

/**
 * Whether all mounts that have marked the open directory `fd` are gone, so that their servers are about to
 * end. False if one of them exists, or if there is no mark.
 */
export function usersAreGone(fd: number, mounted = allMountedIds()): boolean {
  const ids = markedUses(fd);
  return ids.length > 0 && mounted !== null && !ids.some((id) => mounted.has(id));
}
