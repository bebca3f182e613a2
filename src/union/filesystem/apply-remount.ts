import type { AccessTimes } from '../../core/access-times.js';
import { Errno, fsError } from '../../core/errno.js';
import type { Caller } from '../../fuse/operations.js';
import { syncFs } from '../../sys/files/file-io.js';
import type { Union } from '../state/union.js';

/**
 * Applies changed flags of the mount. The kernel enforces `ro` itself.
 * @throws FsError EOPNOTSUPP if access times cannot be changed, EPERM for a caller that is neither root nor
 * the server's user
 */
export function applyRemount(
  union: Union,
  { accessTimes, syncs }: { readonly accessTimes: AccessTimes; readonly syncs: boolean },
  caller: Caller,
): void {
  if (caller.uid !== 0 && caller.uid !== process.geteuid?.()) throw fsError(Errno.EPERM, 'remount');
  const { upper } = union.stack;
  // Without an upper nothing is written, and no access time is updated.
  if (upper === null) return;
  upper.mount.setAccessTimes(accessTimes);
  union.options.accessTimes = accessTimes;
  // The kernel does the same (fs/overlayfs/super.c:ovl_reconfigure).
  if (syncs) syncFs(upper.layer.root.fd);
}
