/** Opens objects of a layer without changing it, not even access times. */
import { Errno, FsError, fsError } from '../../core/errno.js';
import { O_NOATIME, O_RDONLY } from '../../core/flags.js';
import { CANNOT_CLONE, openAt, openTreeRoot, tryOpenAt } from '../../sys/files/open.js';
import { trySetReadOnly } from '../../sys/mount.js';

/**
 * Opens a layer's root (bytes; symlinks are followed). If possible, it opens a read-only mount of its own,
 * without the mounts below the root.
 */
export function openLayerRoot(path: string): number {
  try {
    return openTreeRoot(path, (tree) => {
      const result = trySetReadOnly(tree);
      if (result < 0 && !CANNOT_CLONE.has(-result)) throw fsError(-result, 'mount_setattr');
    });
  } catch (error) {
    if (error instanceof FsError) throw new FsError(error.errno, error.reason, path);
    throw error;
  }
}

/**
 * Opens for reading, with O_NOATIME if possible. Only the owner can use that flag (EPERM); otherwise the
 * access time changes, because a copy matters more.
 */
export function openUntouched(dirfd: number, name: string, flags = 0): number {
  const fd = tryOpenAt(dirfd, name, O_RDONLY | O_NOATIME | flags);
  if (fd >= 0) return fd;
  if (fd !== -Errno.EPERM) throw fsError(-fd, 'openat');
  return openAt(dirfd, name, O_RDONLY | flags);
}
