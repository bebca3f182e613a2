/**
 * What the kernel does not tell of a caller, read from /proc by its thread id. A caller that cannot be seen,
 * because it has ended or is of another pid namespace (pid 0), has nothing, which is the safe answer.
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
 * Whether the caller has CAP_SYS_ADMIN where this process has its own capabilities: uid 0 alone does not say
 * so, neither in a container that was given no such capability nor in a user namespace.
 */
export function isAdministrator(pid: number): boolean {
  return hasCapability(pid, CAP_SYS_ADMIN) && userNamespace(pid) === userNamespace('self');
}

/**
 * Whether the caller has CAP_FSETID in the initial user namespace: the kernel then leaves set-id bits alone
 * when it writes.
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
 * Whether the caller's user namespace maps `id`, an id as this process sees it. /proc shows the map with ids
 * of this process in its second column; in the caller's own namespace they are in the first.
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
    // As for the status; EACCES also for who has capabilities that we lack.
    return null;
  }
}
