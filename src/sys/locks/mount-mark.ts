/**
 * A mark on an open directory that identifies the mounted file system that uses the directory. It exists
 * until the open file is closed. It is a lock (`byte-lock.ts`) whose position is an id of the file system.
 */
import { readdirSync, statSync } from 'node:fs';
import { tryFindLock, tryLockByte } from './byte-lock.js';

/**
 * Marks the open directory `fd` as used by the mounted file system `id`. A failure is ignored: without the
 * mark other mounts assume that this one still exists.
 */
export function markUse(fd: number, id: number): void {
  tryLockByte(fd, id);
}

/**
 * The ids in the marks of other open files of the directory `fd`; none after a failure, such as a file system
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
 * The directory of /sys with a subdirectory for each mounted file system without a block device, in all mount
 * namespaces. The subdirectories are named by device number.
 */
const MOUNTED = '/sys/class/bdi';

/**
 * Returns the id of the mounted file system of `device` (`MAJOR:MINOR`): the inode number of its directory in
 * /sys. The kernel reuses device numbers at once, but not these. Null: the file system, or /sys, is not
 * mounted.
 */
export function mountedId(device: string): number | null {
  try {
    return statSync(`${MOUNTED}/${device}`, { throwIfNoEntry: false })?.ino ?? null;
  } catch {
    return null; // EACCES: a sandbox hides /sys.
  }
}

/** The ids of all mounted file systems; null: /sys is not mounted. */
function allMountedIds(): Set<number> | null {
  try {
    return new Set(readdirSync(MOUNTED).map((device) => mountedId(device) ?? 0));
  } catch {
    return null; // ENOENT: no /sys; EACCES: a sandbox hides it.
  }
}

/**
 * Whether all mounts that have marked the open directory `fd` are unmounted, so that their servers are
 * ending. False if one of them is still mounted, or if there is no mark.
 */
export function usersAreGone(fd: number, mounted = allMountedIds()): boolean {
  const ids = markedUses(fd);
  return ids.length > 0 && mounted !== null && !ids.some((id) => mounted.has(id));
}
