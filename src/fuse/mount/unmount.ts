/** Unmounts with umount2(2), or with fusermount3 as an ordinary user. */
import { isErrno } from '../../core/errno.js';
import { MNT_DETACH, umountFs } from '../../sys/mount.js';
import { argument, runFusermount } from './fusermount.js';

/** umount2(2): does not follow a mountpoint that has become a symlink. */
const UMOUNT_NOFOLLOW = 8;

export interface UnmountOptions {
  /** The mount disappears from the tree now, and ends when no process uses it any more. */
  lazy: boolean;
}

/**
 * Unmounts `target` (latin1-decoded bytes). Uses fusermount3 if umount2(2) fails with EPERM. Throws `FsError`
 * (EBUSY: in use, EINVAL: not a mountpoint), or `HelperError` with the message of the helper.
 */
export function unmount(target: string, { lazy }: UnmountOptions): void {
  try {
    umountFs(target, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0));
  } catch (error) {
    if (!isErrno(error, 'EPERM')) throw error;
    runFusermount([lazy ? '-uz' : '-u', '--', argument(target)]);
  }
}
