import { Errno, fsError } from '../core/errno.js';
import { tryIoctl } from '../sys/ioctl.js';
import { close } from '../sys/open.js';
import { PLYFS_SETTLE } from './handlers/ioctl.js';
import { openMountRoot } from './mount-root.js';

/** A server that knows no such wish; one of another file system. */
const UNKNOWN = new Set<number>([Errno.ENOTTY, Errno.ENOSYS, Errno.EINVAL]);

/**
 * Asks the server of a mount to make its layers complete while it still can be told of a failure (`Operations.settle`).
 * Returns without having asked where nobody can be asked: the server settles when it ends. Throws what the server answered.
 */
export function askToSettle(mountpoint: string): void {
  const fd = openMountRoot(mountpoint);
  if (fd < 0) return;
  try {
    const result = tryIoctl(fd, PLYFS_SETTLE, 0);
    if (result < 0 && !UNKNOWN.has(-result)) throw fsError(-result, 'settle');
  } finally {
    close(fd);
  }
}
