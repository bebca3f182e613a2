/**
 * Credentials of a caller that are not in its requests, read from /proc by its thread id. A caller that is
 * not visible there, because it has ended or is in another pid namespace (pid 0), has no groups and no
 * capabilities, which is the safe result.
 */
import { readlinkSync } from 'node:fs';
import { procField, readProc } from '../proc.js';
import { CAP_FSETID, CAP_SYS_ADMIN, isEffective } from './capabilities.js';

/** The initial user namespace (linux/proc_ns.h:PROC_USER_INIT_INO). */
const INITIAL_USER_NAMESPACE = 'user:[4026531837]';

/** The supplementary groups, as this process sees their ids. */
export function supplementaryGroups(pid: number): number[] {
  const groups = procField(readProc(pid, 'status'), 'Groups') ?? '';
  return groups.split(/\s+/).filter(Boolean).map(Number);
}

/**
 * Whether the caller has CAP_SYS_ADMIN in the user namespace of this process. The uid 0 does not imply it: a
 * container's root can lack the capability, or have it only in its own user namespace.
 */
export function isAdministrator(pid: number): boolean {
  return hasCapability(pid, CAP_SYS_ADMIN) && userNamespace(pid) === userNamespace('self');
}

/**
 * Whether the caller has CAP_FSETID in the initial user namespace. The kernel then keeps set-id bits at a
 * write.
 */
export function keepsSetIdBits(pid: number): boolean {
  return hasCapability(pid, CAP_FSETID) && userNamespace(pid) === INITIAL_USER_NAMESPACE;
}

/**
 * Whether the caller has CAP_FSETID over an object of this owner and group: its user namespace must map both
 * ids (kernel/capability.c:capable_wrt_inode_uidgid).
 */
export function hasFsetidOver(pid: number, uid: number, gid: number): boolean {
  return hasCapability(pid, CAP_FSETID) && isMapped(pid, 'uid_map', uid) && isMapped(pid, 'gid_map', gid);
}

function hasCapability(pid: number, capability: bigint): boolean {
  return isEffective(readProc(pid, 'status'), capability);
}

/**
 * Whether the caller's user namespace maps `id`, which is an id of this process's namespace. In /proc, the
 * second column of the map has ids of this process's namespace; if the caller is in the same one, the first.
 */
function isMapped(pid: number, map: 'uid_map' | 'gid_map', id: number): boolean {
  const column = userNamespace(pid) === userNamespace('self') ? 0 : 1;
  return (readProc(pid, map) ?? '')
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .some((fields) => {
      const from = fields[column];
      const count = fields[2];
      return from !== undefined && count !== undefined && id >= from && id < from + count;
    });
}

function userNamespace(pid: number | 'self'): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/user`);
  } catch {
    // ENOENT, ESRCH: the caller has ended or is not visible; EACCES: it has capabilities that the server
    // lacks.
    return null;
  }
}
