/** Chooses between the two xattr namespaces of an overlay. */
import { readOwnProc } from '../../sys/proc.js';
import { CAP_SYS_ADMIN, hasCapability } from '../../sys/rights/capabilities.js';
import type { XattrNamespace } from './overlay-dialect.js';

/**
 * `trusted.` xattrs can be read and set only with CAP_SYS_ADMIN in the initial user namespace. Any other
 * server uses the `user.` form of the overlay format.
 */
export function xattrNamespace(): XattrNamespace {
  return isInitialNamespace() && hasCapability(CAP_SYS_ADMIN) ? 'trusted' : 'user';
}

/** Whether this process is in the initial user namespace, where ids are those of the machine. */
export function isInitialNamespace(): boolean {
  return /^\s*0\s+0\s+4294967295\s*$/.test(readOwnProc('uid_map'));
}
