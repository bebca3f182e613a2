/**
 * What the kernel does not tell of a caller, read from /proc by its thread id. A caller that cannot be seen, because it has
 * ended or is of another pid namespace (pid 0), has nothing, which is the safe answer.
 */
import { readFileSync, readlinkSync } from 'node:fs';

const CAP_SYS_ADMIN = 21n;

/** The line `field` of /proc/PID/status, or `''`. */
function status(pid: number, field: string): string {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/status`, 'latin1');
  } catch {
    // ENOENT, ESRCH and EACCES all mean that there is nobody to ask.
    return '';
  }
  return new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(text)?.[1] ?? '';
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
  const effective = BigInt(`0x${status(pid, 'CapEff') || '0'}`);
  return ((effective >> CAP_SYS_ADMIN) & 1n) === 1n && userNamespace(pid) === userNamespace('self');
}

function userNamespace(pid: number | 'self'): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/user`);
  } catch {
    // As for the status; EACCES also for who has capabilities that we lack.
    return null;
  }
}
