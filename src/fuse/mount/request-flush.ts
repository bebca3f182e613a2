import { Errno, fsError } from '../../core/errno.js';
import { close } from '../../sys/files/open.js';
import { tryIoctl } from '../../sys/ioctl.js';
import { openMountRoot } from '../control/mount-root.js';
import { PLYFS_FLUSH_PSEUDO_LINKS } from '../handlers/own-ioctl.js';

/** Errnos of a server that does not know the request, such as the server of another file system. */
const UNKNOWN = new Set<number>([Errno.ENOTTY, Errno.ENOSYS, Errno.EINVAL]);

/**
 * Makes the server of a mount write its pseudo-links to the layers, while the caller can still get an error
 * (`Operations.flushPseudoLinks`). Throws the server's errno. Does nothing if the server cannot be asked: it
 * also writes them when it ends.
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
