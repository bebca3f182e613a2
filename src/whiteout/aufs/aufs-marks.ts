/** Whiteouts and opaque markers of the aufs dialect: empty files with reserved names (fs/aufs/whout.c). */
import type { EntryName } from '../../core/brand.js';
import { Errno, fsError, isErrno } from '../../core/errno.js';
import { isRegular, S_IFREG } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { O_DIRECTORY, O_PATH } from '../../core/flags.js';
import { mknodAt, tryLinkAt, unlinkAt } from '../../sys/files/inode-ops.js';
import { close, openAt } from '../../sys/files/open.js';
import { statAt } from '../../sys/files/stat.js';
import { withAllPermissions } from '../../sys/rights/owner-permission.js';
import { OPAQUE_MARKER, WHITEOUT_BASE, WHITEOUT_MODE, whiteoutOf } from '../aufs-names.js';

const scratch = new FileStat();

/**
 * Whether `dirfd` has a whiteout of `name`. Throws EIO if the whiteout's name has an object of another type
 * (fs/aufs/whout.c:au_wh_test).
 */
export function hasWhiteout(dirfd: number, name: EntryName): boolean {
  return hasMarker(dirfd, whiteoutOf(name));
}

function hasMarker(dirfd: number, marker: string): boolean {
  if (!statAt(dirfd, marker, scratch)) return false;
  if (!isRegular(scratch.mode)) throw fsError(Errno.EIO, 'whiteout');
  return true;
}

/**
 * Whether the directory `name` in `dirfd` contains an opaque marker. Throws EACCES if it cannot be searched.
 */
export function hasOpaqueMarker(dirfd: number, name: string): boolean {
  return within(dirfd, name, (fd) => hasMarker(fd, OPAQUE_MARKER));
}

/**
 * As {@link hasOpaqueMarker}, for a mount whose server may lack search permission, because a stat of the
 * directory must not fail for that reason. In a writable branch, a directory of the server's user gets the
 * permission for the moment. Any other directory cannot be searched or listed through the mount either, so
 * its marker does not matter.
 */
export function showsOpaqueMarker(dirfd: number, name: string, isWritable: boolean): boolean {
  try {
    return hasOpaqueMarker(dirfd, name);
  } catch (error) {
    if (!isErrno(error, 'EACCES')) throw error;
  }
  if (!isWritable) return false;
  try {
    return withAllPermissions(dirfd, name, () => hasOpaqueMarker(dirfd, name));
  } catch (error) {
    // The directory belongs to another user.
    if (isErrno(error, 'EPERM')) return false;
    throw error;
  }
}

/** Calls `body` with an O_PATH fd of the directory `name`. Does not follow a symlink. */
export function within<T>(dirfd: number, name: string, body: (fd: number) => T): T {
  const fd = openAt(dirfd, name, O_PATH | O_DIRECTORY);
  try {
    return body(fd);
  } finally {
    close(fd);
  }
}

/** Creates the markers of one branch: hard links to the base in its root, if the file system has links. */
export class MarkerMaker {
  /**
   * @param root the branch's root; the caller closes it
   * @param links false: each marker is a file of its own (the branch attribute `nolwh`)
   */
  constructor(
    private readonly root: number,
    private readonly links: boolean,
  ) {}

  /** Hides `name` in `dirfd`. Returns false if it was hidden already. */
  whiteout(dirfd: number, name: EntryName): boolean {
    return this.make(dirfd, whiteoutOf(name));
  }

  /** Makes the open directory `dirfd` opaque. */
  opaque(dirfd: number): void {
    this.make(dirfd, OPAQUE_MARKER);
  }

  private make(dirfd: number, marker: string): boolean {
    const result = this.links ? tryLinkAt(this.root, WHITEOUT_BASE, dirfd, marker) : -Errno.EPERM;
    switch (-result) {
      case 0:
        return true;
      case Errno.EEXIST:
        return false;
      case Errno.EPERM: // The file system has no hard links or protects them, or `nolwh` is set.
      case Errno.EMLINK: // The base cannot have more links.
      case Errno.ENOENT: // Another process has removed the base.
      case Errno.EXDEV: // Something is mounted in the branch.
        return makeFile(dirfd, marker);
      default:
        throw fsError(-result, 'linkat');
    }
  }
}

function makeFile(dirfd: number, marker: string): boolean {
  try {
    mknodAt(dirfd, marker, S_IFREG | WHITEOUT_MODE, 0);
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  }
}

/** Removes the whiteout of `name`, if there is one. */
export function removeWhiteout(dirfd: number, name: EntryName): void {
  try {
    unlinkAt(dirfd, whiteoutOf(name));
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}
