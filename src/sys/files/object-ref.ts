/**
 * References to an object of a layer, and system calls that take one. The calls for extended attributes
 * (`xattr.ts`) take the two parts of a reference.
 */
import { Errno, fsError } from '../../core/errno.js';
import type { FileStat } from '../../core/file-stat.js';
import { chmodAt, chmodFd, chownAt, chownFd, linkAt, linkFd, type TimeValue, utimesAt, utimesFd } from './inode-ops.js';
import { statAt, statFd } from './stat.js';

/**
 * The object `name` in the directory `dirfd`; or, if `name` is `''`, the object that `dirfd` is open for,
 * with O_PATH or otherwise.
 */
export interface ObjectRef {
  readonly dirfd: number;
  readonly name: string;
}

/** Stats an object that is known to exist. Throws ESTALE if it has no such name any more. */
export function statObject({ dirfd, name }: ObjectRef, into: FileStat): void {
  if (name === '') statFd(dirfd, into);
  else if (!statAt(dirfd, name, into)) throw fsError(Errno.ESTALE, 'statx');
}

export function chownObject({ dirfd, name }: ObjectRef, uid: number, gid: number): void {
  if (name === '') chownFd(dirfd, uid, gid);
  else chownAt(dirfd, name, uid, gid);
}

/** Throws EOPNOTSUPP for a symlink, which has no mode of its own. */
export function chmodObject({ dirfd, name }: ObjectRef, mode: number): void {
  if (name === '') chmodFd(dirfd, mode);
  else chmodAt(dirfd, name, mode);
}

export function utimesObject({ dirfd, name }: ObjectRef, atime: TimeValue, mtime: TimeValue): void {
  if (name === '') utimesFd(dirfd, atime, mtime);
  else utimesAt(dirfd, name, atime, mtime);
}

/** Sets the times of the object to those of `stat`. */
export function copyTimes(stat: FileStat, object: ObjectRef): void {
  const atime = { sec: stat.atimeSec, nsec: stat.atimeNsec };
  const mtime = { sec: stat.mtimeSec, nsec: stat.mtimeNsec };
  utimesObject(object, atime, mtime);
}

/** Makes a hard link to the object. */
export function linkObject({ dirfd, name }: ObjectRef, newDirfd: number, newName: string): void {
  if (name === '') linkFd(dirfd, newDirfd, newName);
  else linkAt(dirfd, name, newDirfd, newName);
}
