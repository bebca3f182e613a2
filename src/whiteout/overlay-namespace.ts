/** Which of its two attribute namespaces an overlay uses. */
import { readFileSync } from 'node:fs';
import type { XattrNamespace } from './overlay-dialect.js';

/**
 * `trusted.` xattrs can be seen and set with CAP_SYS_ADMIN in the initial user namespace only; everywhere else the
 * overlay format has its `user.` form.
 */
export function xattrNamespace(): XattrNamespace {
  const capabilities = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0';
  const sysAdmin = (BigInt(`0x${capabilities}`) >> 21n) & 1n;
  return isInitialNamespace() && sysAdmin === 1n ? 'trusted' : 'user';
}

/** Whether user ids are the machine's own: those of the initial user namespace. */
export function isInitialNamespace(): boolean {
  return /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'latin1'));
}
