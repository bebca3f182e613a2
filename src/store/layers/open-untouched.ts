/** Reading a layer without a trace in it: not even access times change. */
import { Errno, FsError, fsError } from '../../core/errno.js';
import { O_NOATIME, O_RDONLY } from '../../core/flags.js';
import { NO_TREE, openAt, openTreeRoot, tryOpenAt } from '../../sys/files/open.js';
import { trySetReadOnly } from '../../sys/mount.js';

/**
 * Opens a layer's root (bytes; symlinks are followed), where possible as a mount of its own that changes
 * nothing and shows nothing of what is mounted below it.
 */
export function openLayerRoot(path: string): number {
  try {
    return openTreeRoot(path, (tree) => {
      const result = trySetReadOnly(tree);
      if (result < 0 && !NO_TREE.has(-result)) throw fsError(-result, 'mount_setattr');
    });
  } catch (error) {
    if (error instanceof FsError) throw new FsError(error.errno, error.syscall, path);
    throw error;
  }
}

/**
 * Opens for reading. EPERM: O_NOATIME is for the owner alone, and the access time counts less than the copy.
 */
export function openUntouched(dirfd: number, name: string, flags = 0): number {
  const fd = tryOpenAt(dirfd, name, O_RDONLY | O_NOATIME | flags);
  if (fd >= 0) return fd;
  if (fd !== -Errno.EPERM) throw fsError(-fd, 'openat');
  return openAt(dirfd, name, O_RDONLY | flags);
}
