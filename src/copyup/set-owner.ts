import { isErrno } from '../core/errno.js';
import { isDirectory, S_ISGID, S_ISUID } from '../core/file-mode.js';
import { KEEP_ID } from '../sys/files/inode-ops.js';
import { chownObject, type ObjectRef } from '../sys/files/object-ref.js';
import { ownGid, ownUid } from '../sys/rights/own-ids.js';

/** The owner that a mount shows for all objects (`squash_to_uid` and the like); null: the owner on disk. */
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
 * Gives a staged object its owner and group. To be called before the mode is set, because chown(2) clears
 * mode bits.
 *
 * Without root an object cannot be given away (EPERM, or EINVAL for an id that the user namespace does not
 * map). On a mount that shows one owner for all objects this is no failure: the object gets the shown owner
 * if that is possible, and else stays the server's.
 * @param squash null: EPERM and EINVAL are thrown
 * @returns the mode for the object. It lacks the set-id bit of an owner or group that the object did not get:
 * with that bit another user's program would run as the server's user
 */
export function setOwner(staged: ObjectRef, { uid, gid, mode }: Owned, squash: Squash | null): number {
  if (uid === ownUid && gid === ownGid) return mode;
  if (squash === null) {
    chownObject(staged, uid, gid);
    return mode;
  }
  if (tryChown(staged, uid, gid)) return mode;
  // The group first: a user who has given a file away cannot change its group any more.
  const hasGroup = giveEither(gid, squash.gid, (id) => tryChown(staged, KEEP_ID, id));
  const hasOwner = giveEither(uid, squash.uid, (id) => tryChown(staged, id, KEEP_ID));
  const lost = (hasOwner ? 0 : S_ISUID) | (hasGroup || isDirectory(mode) ? 0 : S_ISGID);
  return mode & ~lost;
}

/** Tries `first`, then `second`. Returns whether the object got `first`. */
function giveEither(first: number, second: number | null, give: (id: number) => boolean): boolean {
  if (give(first)) return true;
  if (second !== null) give(second);
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
