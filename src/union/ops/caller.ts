/** Permissions of the caller that the server has to check itself. */
import type { Caller } from '../../fuse/operations.js';
import { hasFsetidOver, supplementaryGroups } from '../../sys/rights/process-credentials.js';

/** Whether the caller is root, in the user namespace of the mount. */
export function isRoot(caller: Caller): boolean {
  return caller.isRoot ?? caller.uid === 0;
}

/**
 * Whether a file without group execute keeps set-gid when the caller changes it. The caller must be in the
 * file's group or have CAP_FSETID over the file, as root of a user namespace can
 * (fs/inode.c:in_group_or_capable).
 * @param uid, gid the file's owner and group, as ids of the same mapping as those in `caller`
 */
export function mayKeepSetGid(caller: Caller, uid: number, gid: number): boolean {
  if (caller.mayKeepSetGid !== undefined) return caller.mayKeepSetGid(uid, gid);
  const { pid } = caller;
  return caller.gid === gid || supplementaryGroups(pid).includes(gid) || hasFsetidOver(pid, uid, gid);
}
