/**
 * The mark of an upper directory that contains copies of lower objects, which show the numbers of these
 * (fs/overlayfs/util.c:ovl_set_impure).
 */
import { FileStat } from '../../core/file-stat.js';
import { afterwards } from '../../core/undo.js';
import { statFd } from '../../sys/files/stat.js';
import { withPermissionsIn } from '../../sys/rights/owner-permission.js';
import type { DirectoryNode } from '../nodes/node.js';
import type { Union } from '../state/union.js';

const scratch = new FileStat();

/** Marks `dir`, if it is in the upper, before a copy of a lower object gets a name in it. */
export function markImpure(union: Union, dir: DirectoryNode): void {
  const { origins } = union.stack.dialect;
  if (dir.upper === null || dir.impure || origins === null) return;
  const dirfd = union.fds.get(dir.upper);
  statFd(dirfd, scratch);
  withPermissionsIn(dirfd, scratch.mode, () => origins.markImpure(dirfd));
  dir.impure = true;
}

/**
 * Removes the mark of an upper directory that no longer contains copies
 * (fs/overlayfs/readdir.c:ovl_cache_get_impure).
 */
export function unmarkImpure(union: Union, dir: DirectoryNode): void {
  const { origins } = union.stack.dialect;
  if (dir.upper === null || origins === null) return;
  const dirfd = union.fds.get(dir.upper);
  dir.impure = false;
  // If the mark cannot be removed (a failing or read-only disk), listing the directory only takes longer.
  afterwards(() => {
    statFd(dirfd, scratch);
    withPermissionsIn(dirfd, scratch.mode, () => origins.unmarkImpure(dirfd));
    union.kernel.channel?.invalidateAttributes(dir.id);
  });
}
