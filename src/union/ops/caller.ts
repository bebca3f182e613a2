/** What the one who asks may do, as far as the server has to know. */
import type { Caller } from '../../fuse/operations.js';
import { supplementaryGroups } from '../../sys/process-credentials.js';

export function isRoot(caller: Caller): boolean {
  return caller.isRoot ?? caller.uid === 0;
}

/** @param gid in the ids of `caller` */
export function isInGroup(caller: Caller, gid: number): boolean {
  return caller.isInGroup?.(gid) ?? (caller.gid === gid || supplementaryGroups(caller.pid).includes(gid));
}
