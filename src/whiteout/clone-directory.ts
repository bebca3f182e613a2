/** What both dialects need to take a directory out of the way that shows nothing and holds whiteouts. */
import type { EntryName } from '../core/brand.js';
import { isErrno } from '../core/errno.js';
import type { FileStat } from '../core/file-stat.js';
import { chmodAt, chownAt, rmdirAt, utimesAt } from '../sys/inode-ops.js';
import { getXattr, listXattrs, setXattr } from '../sys/xattr.js';

/** A directory that is physically empty goes without a detour. */
export function removedEmpty(dirfd: number, name: EntryName): boolean {
  try {
    rmdirAt(dirfd, name);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOTEMPTY', 'EEXIST')) return false;
    throw error;
  }
}

/**
 * Gives the directory `staged` of `workFd` what `source` has. Owner before mode before times, as everywhere: chown
 * clears mode bits, and setting xattrs moves ctime only.
 */
export function cloneAttributes(
  source: { readonly dirfd: number; readonly name: EntryName; readonly stat: FileStat },
  workFd: number,
  staged: string,
): void {
  const { dirfd, name, stat } = source;
  chownAt(workFd, staged, stat.uid, stat.gid);
  for (const xattr of listXattrs(dirfd, name)) {
    const value = getXattr(dirfd, name, xattr);
    if (value !== null) setXattr(workFd, staged, xattr, value);
  }
  chmodAt(workFd, staged, stat.mode & 0o7777);
  const atime = { sec: stat.atimeSec, nsec: stat.atimeNsec };
  const mtime = { sec: stat.mtimeSec, nsec: stat.mtimeNsec };
  utimesAt(workFd, staged, atime, mtime);
}
