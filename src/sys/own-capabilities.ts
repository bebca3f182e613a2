/** What this process is allowed to do (man capabilities(7)). User id 0 alone does not say so: mount.fuse3 -o drop_privileges leaves it none. */
import { readFileSync } from 'node:fs';

export const CAP_DAC_OVERRIDE = 1n;
export const CAP_SYS_ADMIN = 21n;

/** Whether the capability is in the effective set of the calling thread's process. */
export function hasCapability(capability: bigint): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0';
  return ((BigInt(`0x${effective}`) >> capability) & 1n) === 1n;
}
