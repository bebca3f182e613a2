/** Taking a mount away. */
import { isErrno } from '../../core/errno.js';
import { MNT_DETACH, umountFs } from '../../sys/mount.js';
import { argument, runFusermount } from './fusermount.js';

/** umount2(2): a mountpoint that has become a symlink is not followed. */
const UMOUNT_NOFOLLOW = 8;

export interface UnmountOptions {
  /** Take the mount out of the tree now, and end it when its last user has gone. */
  lazy: boolean;
}

/**
 * Unmounts `target` (latin1-decoded bytes), with fusermount3 where the right is missing. Throws `FsError`
 * (EBUSY: in use, EINVAL: not a mountpoint) or `HelperError` with what the helper said.
 */
export function unmount(target: string, { lazy }: UnmountOptions): void {
  try {
    umountFs(target, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0));
  } catch (error) {
    if (!isErrno(error, 'EPERM')) throw error;
    runFusermount([lazy ? '-uz' : '-u', '--', argument(target)]);
  }
}
