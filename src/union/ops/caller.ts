/** What the one who asks may do, as far as the server has to know. */
import type { Caller } from '../../fuse/operations.js';
import { hasFsetidOver, supplementaryGroups } from '../../sys/process-credentials.js';

export function isRoot(caller: Caller): boolean {
  return caller.isRoot ?? caller.uid === 0;
}

/**
 * Whether a change by the caller leaves set-gid to a file of this owner and group that its group may not execute: by one of the
 * group, or by one with CAP_FSETID over the file, as the root of a user namespace has it (fs/inode.c:in_group_or_capable).
 * @param uid, gid in the ids of `caller`
 */
export function mayKeepSetGid(caller: Caller, uid: number, gid: number): boolean {
  if (caller.mayKeepSetGid !== undefined) return caller.mayKeepSetGid(uid, gid);
  const { pid } = caller;
  return caller.gid === gid || supplementaryGroups(pid).includes(gid) || hasFsetidOver(pid, uid, gid);
}
