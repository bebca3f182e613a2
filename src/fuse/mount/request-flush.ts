import { Errno, fsError } from '../../core/errno.js';
import { close } from '../../sys/files/open.js';
import { tryIoctl } from '../../sys/ioctl.js';
import { openMountRoot } from '../control/mount-root.js';
import { PLYFS_FLUSH_PSEUDO_LINKS } from '../handlers/own-ioctl.js';

/** A server that knows no such wish; one of another file system. */
const UNKNOWN = new Set<number>([Errno.ENOTTY, Errno.ENOSYS, Errno.EINVAL]);

/**
 * Asks the server of a mount to make its layers complete while a caller still can get the error
 * (`Operations.settle`). Does nothing if the server cannot be asked: it writes pseudo-links down when it
 * ends. Throws the server's errno.
 */
export function requestPseudoLinkFlush(mountpoint: string): void {
  const fd = openMountRoot(mountpoint);
  if (fd < 0) return;
  try {
    const result = tryIoctl(fd, PLYFS_FLUSH_PSEUDO_LINKS, 0);
    if (result < 0 && !UNKNOWN.has(-result)) throw fsError(-result, 'flush pseudo-links');
  } finally {
    close(fd);
  }
}
