import { isErrno } from '../core/errno.js';
import { isDirectory, S_ISGID, S_ISUID } from '../core/file-mode.js';
import { KEEP_ID } from '../sys/files/inode-ops.js';
import { chownObject, type ObjectRef } from '../sys/files/object-ref.js';
import { ownGid, ownUid } from '../sys/rights/own-ids.js';

/** The owner that a mount shows for all objects (options `squash_to_*`); null: the owner on disk. */
export interface Squash {
  readonly uid: number | null;
  readonly gid: number | null;
}

/** The attributes that {@link setOwner} sets or changes. */
export interface Owned {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/**
 * Sets the owner and group of a staged object. The caller sets the mode afterwards, because chown(2) clears
 * mode bits.
 *
 * Only root can change the owner (EPERM for others, EINVAL for an id that the user namespace does not map).
 * On a mount that shows one owner for all objects this is no failure: the object gets the shown owner if that
 * is possible. Otherwise it keeps the server's user as owner.
 * @param squash null: EPERM and EINVAL are thrown
 * @returns the mode for the object. If the object did not get its owner or group, the mode lacks that set-id
 * bit, because with it another user's program would run as the server's user
 */
export function setOwner(staged: ObjectRef, { uid, gid, mode }: Owned, squash: Squash | null): number {
  if (uid === ownUid && gid === ownGid) return mode;
  if (squash === null) {
    chownObject(staged, uid, gid);
    return mode;
  }
  if (tryChown(staged, uid, gid)) return mode;
  // The group first, because after a change of the owner the server may lack the permission.
  const hasGroup = setEither(gid, squash.gid, (id) => tryChown(staged, KEEP_ID, id));
  const hasOwner = setEither(uid, squash.uid, (id) => tryChown(staged, id, KEEP_ID));
  const lost = (hasOwner ? 0 : S_ISUID) | (hasGroup || isDirectory(mode) ? 0 : S_ISGID);
  return mode & ~lost;
}

/** Tries `first`, then `second`. Returns whether the object got `first`. */
function setEither(first: number, second: number | null, trySet: (id: number) => boolean): boolean {
  if (trySet(first)) return true;
  if (second !== null) trySet(second);
  return false;
}

function tryChown(staged: ObjectRef, uid: number, gid: number): boolean {
  try {
    chownObject(staged, uid, gid);
    return true;
  } catch (error) {
    if (isErrno(error, 'EPERM', 'EINVAL')) return false;
    throw error;
  }
}
