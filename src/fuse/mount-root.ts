import { FsError } from '../core/errno.js';
import { O_DIRECTORY, O_RDONLY } from '../core/flags.js';
import { openTrusted } from '../sys/open.js';

/**
 * The root of a mount that is about to be unmounted, to ask its server something; -1 where it cannot be opened. The caller's.
 *
 * Any errno is possible, and none of them may keep the mount: ENOTCONN of a server that has died, EACCES of another user's
 * mount, and whatever a layer answers whose disk has failed (EIO, ESTALE, ENXIO), when the kernel asks for the root's attributes.
 */
export function openMountRoot(mountpoint: string): number {
  try {
    return openTrusted(mountpoint, O_RDONLY | O_DIRECTORY);
  } catch (error) {
    if (error instanceof FsError) return -1;
    throw error;
  }
}
