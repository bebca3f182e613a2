/** Which of its two attribute namespaces an overlay uses. */
import { readOwnProc } from '../../sys/proc.js';
import { CAP_SYS_ADMIN, hasCapability } from '../../sys/rights/capabilities.js';
import type { XattrNamespace } from './overlay-dialect.js';

/**
 * `trusted.` xattrs can be seen and set with CAP_SYS_ADMIN in the initial user namespace only; everywhere
 * else the overlay format has its `user.` form.
 */
export function xattrNamespace(): XattrNamespace {
  return isInitialNamespace() && hasCapability(CAP_SYS_ADMIN) ? 'trusted' : 'user';
}

/** Whether user ids are the machine's own: those of the initial user namespace. */
export function isInitialNamespace(): boolean {
  return /^\s*0\s+0\s+4294967295\s*$/.test(readOwnProc('uid_map'));
}
