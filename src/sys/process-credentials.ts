/**
 * What the kernel does not tell of a caller, read from /proc by its thread id. A caller that cannot be seen, because it has
 * ended or is of another pid namespace (pid 0), has nothing, which is the safe answer.
 */
import { readFileSync, readlinkSync } from 'node:fs';

const CAP_FSETID = 4n;
const CAP_SYS_ADMIN = 21n;
/** The initial user namespace (linux/proc_ns.h:PROC_USER_INIT_INO). */
const INITIAL_USER_NAMESPACE = 'user:[4026531837]';

/** The file `name` of /proc/PID, or `''`. */
function text(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    // ENOENT, ESRCH and EACCES all mean that there is nobody to ask.
    return '';
  }
}

/** The line `field` of /proc/PID/status, or `''`. */
function status(pid: number, field: string): string {
  return new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(text(pid, 'status'))?.[1] ?? '';
}

/** The supplementary groups, as this process sees their ids. */
export function supplementaryGroups(pid: number): number[] {
  return status(pid, 'Groups').split(/\s+/).filter(Boolean).map(Number);
}

/**
 * Whether the caller has CAP_SYS_ADMIN where this process has its own capabilities: uid 0 alone does not say so, neither in a
 * container that was given no such capability nor in a user namespace.
 */
export function isAdministrator(pid: number): boolean {
  return hasCapability(pid, CAP_SYS_ADMIN) && userNamespace(pid) === userNamespace('self');
}

/** Whether the caller has CAP_FSETID on the machine, not only in a user namespace: its writes leave set-id bits alone. */
export function keepsSetIdBits(pid: number): boolean {
  return hasCapability(pid, CAP_FSETID) && userNamespace(pid) === INITIAL_USER_NAMESPACE;
}

/**
 * Whether the caller has CAP_FSETID over an object of this owner and group: where its own user namespace has both ids
 * (kernel/capability.c:capable_wrt_inode_uidgid).
 */
export function hasFsetidOver(pid: number, uid: number, gid: number): boolean {
  return hasCapability(pid, CAP_FSETID) && isMapped(pid, 'uid_map', uid) && isMapped(pid, 'gid_map', gid);
}

function hasCapability(pid: number, capability: bigint): boolean {
  const effective = BigInt(`0x${status(pid, 'CapEff') || '0'}`);
  return ((effective >> capability) & 1n) === 1n;
}

/** @param id as this process sees it: the first column of the map if the caller shares its user namespace, else the second */
function isMapped(pid: number, map: 'uid_map' | 'gid_map', id: number): boolean {
  const column = userNamespace(pid) === userNamespace('self') ? 0 : 1;
  return text(pid, map)
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
