import { FsError } from '../../core/errno.js';
import { O_DIRECTORY, O_RDONLY } from '../../core/flags.js';
import { openTrusted } from '../../sys/files/open.js';

/**
 * Opens the root of a mount that is about to be unmounted, for an ioctl(2) to its server. Returns an fd,
 * which the caller owns, or -1 if the root cannot be opened.
 *
 * Tolerates every errno, because none of them must prevent the unmount: ENOTCONN if the server has died,
 * EACCES for another user's mount, and EIO, ESTALE or ENXIO from a layer whose disk has failed.
 */
export function openMountRoot(mountpoint: string): number {
  try {
    return openTrusted(mountpoint, O_RDONLY | O_DIRECTORY);
  } catch (error) {
    if (error instanceof FsError) return -1;
    throw error;
  }
}
