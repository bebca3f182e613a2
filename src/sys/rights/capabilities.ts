/**
 * The capabilities of a process (man capabilities(7)). User id 0 alone does not imply them: mount.fuse3 -o
 * drop_privileges leaves a root without any, and a container's root lacks some.
 */
import { readFileSync } from 'node:fs';

export const CAP_DAC_OVERRIDE = 1n;
export const CAP_FSETID = 4n;
export const CAP_SYS_ADMIN = 21n;

/** Whether the effective set of this process has the capability. */
export function hasCapability(capability: bigint): boolean {
  return isEffective(readFileSync('/proc/self/status', 'latin1'), capability);
}

/** @param status the text of /proc/PID/status; without a line `CapEff` no capability is effective */
export function isEffective(status: string, capability: bigint): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0';
  return ((BigInt(`0x${effective}`) >> capability) & 1n) === 1n;
}
