/**
 * The capabilities of a process (man capabilities(7)). User id 0 alone does not imply them: mount.fuse3 -o
 * drop_privileges leaves a root without any, and a container's root lacks some.
 */
import { procField, readOwnProc } from '../proc.js';

export const CAP_DAC_OVERRIDE = 1n;
export const CAP_FSETID = 4n;
export const CAP_SYS_ADMIN = 21n;

/** Whether the effective set of this process has the capability. */
export function hasCapability(capability: bigint): boolean {
  return isEffective(readOwnProc('status'), capability);
}

/**
 * @param status the text of /proc/PID/status; without a line `CapEff`, or without a text, no capability is
 * effective
 */
export function isEffective(status: string | undefined, capability: bigint): boolean {
  const effective = procField(status, 'CapEff') ?? '0';
  return ((BigInt(`0x${effective}`) >> capability) & 1n) === 1n;
}
