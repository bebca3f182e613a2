/** Reading a layer without a trace in it: not even access times change. */
import { Errno, FsError, fsError } from '../core/errno.js';
import { O_DIRECTORY, O_NOATIME, O_RDONLY } from '../core/flags.js';
import { trySetReadOnly } from '../sys/mount.js';
import { close, openAt, openDirectoryAt, openTrusted, tryCloneTree, tryOpenAt } from '../sys/open.js';

/** Why there is no read-only view to be had: no CAP_SYS_ADMIN, mounts locked into place, an old kernel. */
const TOLERATED = new Set<number>([Errno.EPERM, Errno.EINVAL, Errno.ENOSYS]);

/**
 * Opens a layer's root (bytes; symlinks are followed), where possible as a mount of its own that changes nothing and
 * shows nothing of what is mounted below it.
 */
export function openLayerRoot(path: string): number {
  try {
    const tree = tryCloneTree(path);
    if (tree < 0) {
      if (TOLERATED.has(-tree)) return openTrusted(path, O_RDONLY | O_DIRECTORY);
      throw fsError(-tree, 'open_tree');
    }
    try {
      const result = trySetReadOnly(tree);
      if (result < 0 && !TOLERATED.has(-result)) throw fsError(-result, 'mount_setattr');
      return openDirectoryAt(tree, '.');
    } finally {
      close(tree);
    }
  } catch (error) {
    if (error instanceof FsError) throw new FsError(error.errno, error.syscall, path);
    throw error;
  }
}

/** Opens for reading. EPERM: O_NOATIME is for the owner alone, and the access time counts less than the copy. */
export function openUntouched(dirfd: number, name: string, flags = 0): number {
  const fd = tryOpenAt(dirfd, name, O_RDONLY | O_NOATIME | flags);
  if (fd >= 0) return fd;
  if (fd !== -Errno.EPERM) throw fsError(-fd, 'openat');
  return openAt(dirfd, name, O_RDONLY | flags);
}
