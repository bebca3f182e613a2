/** Brings directories to the upper layer: themselves, never what they contain. */
import type { CopyUpSource } from '../../copyup/context.js';
import { copyUpOther, copyUpUnnamed, refuseProtected } from '../../copyup/copy-up.js';
import { Errno, fsError } from '../../core/errno.js';
import { FileStat } from '../../core/file-stat.js';
import { afterwards } from '../../core/undo.js';
import { statAt, statFd } from '../../sys/files/stat.js';
import { withWriteInto } from '../../sys/rights/owner-permission.js';
import { RealDirectory } from '../layers/layer.js';
import type { DirectoryNode, UnionNode } from '../nodes/node.js';
import { statToCopy } from '../objects/protection.js';
import type { Union } from '../state/union.js';

const fresh = new FileStat();

/**
 * The real directory of `dir` in the upper layer; made now, with all missing ancestors, topmost first, if it
 * was in lower layers only. Only directories themselves are copied, never what they contain. The copy of a
 * directory that was removed while in use gets no name.
 */
export function copyUpDirectory(union: Union, dir: DirectoryNode): RealDirectory {
  if (dir.upper !== null) return dir.upper;
  if (dir.removed) return copyUpRemoved(union, dir);
  union.writable();
  // A tree can be deeper than a stack of calls.
  const missing: DirectoryNode[] = [];
  let home: RealDirectory | null = null;
  for (let at: DirectoryNode | null = dir; home === null; at = at.parent) {
    if (at === null) throw fsError(Errno.ENOENT, 'copy-up');
    home = at.upper;
    if (home === null) missing.push(at);
  }
  for (let next = missing.pop(); next !== undefined; next = missing.pop()) home = copyUpInto(union, next, home);
  return home;
}

/** The lower directory of `dir`, as a source for copy-up. */
function sourceOf(union: Union, dir: DirectoryNode): CopyUpSource {
  const lower = dir.top;
  const dirfd = union.fds.get(lower.parent as RealDirectory);
  const origin = union.lowerFiles?.originOf(lower.layer, dirfd, lower.name) ?? null;
  const stat = new FileStat();
  statToCopy(union, dir, stat);
  refuseProtected(stat, union.writable().copyUp);
  return { dirfd, name: lower.name, stat, overrides: lower.layer.overrides, origin };
}

/**
 * Lets a process that has a removed directory open change its attributes, as on ext4. (The kernel's
 * overlayfs: ENOTDIR.)
 */
function copyUpRemoved(union: Union, dir: DirectoryNode): RealDirectory {
  const { layer, copyUp } = union.writable();
  const real = new RealDirectory(layer, layer.root, dir.name);
  real.fd = copyUpUnnamed(sourceOf(union, dir), copyUp);
  real.pinned = true;
  dir.upper = real;
  noteCopiedUp(union, dir);
  return real;
}

/** Copies a directory up whose parent is in the upper at `home`. */
function copyUpInto(union: Union, dir: DirectoryNode, home: RealDirectory): RealDirectory {
  const upper = union.writable();
  const source = sourceOf(union, dir);
  markImpure(union, dir.parent);
  const destination = { upper: union.fds.get(home), name: dir.name };
  // Before it has its name: from then on nothing may fail.
  copyUpOther(source, destination, upper.copyUp, (workFd, staged) => statAt(workFd, staged, fresh));
  union.numbers.keep(fresh, dir.ino);
  dir.upper = new RealDirectory(upper.layer, home, dir.name);
  if (dir.parent !== null) union.listings.peek(dir.parent)?.rehome(dir.name, home, dir.ino);
  noteCopiedUp(union, dir);
  return dir.upper;
}

/**
 * Before an object that was copied up gets a name in `dir`, which is in the upper: the number that it shows
 * is not its own (fs/overlayfs/util.c:ovl_set_impure).
 */
export function markImpure(union: Union, dir: DirectoryNode | null): void {
  const { origins } = union.dialect;
  if (dir === null || dir.upper === null || dir.impure || origins === null) return;
  const dirfd = union.fds.get(dir.upper);
  statFd(dirfd, fresh);
  withWriteInto(dirfd, fresh.mode, () => origins.markImpure(dirfd));
  dir.impure = true;
}

/**
 * Removes the mark of a directory of the upper that no longer holds copies
 * (fs/overlayfs/readdir.c:ovl_cache_get_impure).
 */
export function dropImpure(union: Union, dir: DirectoryNode): void {
  const { origins } = union.dialect;
  if (dir.upper === null || origins === null) return;
  const dirfd = union.fds.get(dir.upper);
  dir.impure = false;
  // If the mark cannot be removed (a failing or read-only disk), listing the directory only takes longer.
  afterwards(() => {
    statFd(dirfd, fresh);
    withWriteInto(dirfd, fresh.mode, () => origins.unmarkImpure(dirfd));
    union.channel?.invalidateAttributes(dir.id);
  });
}

/**
 * The kernel's cached attributes are out of date: the node's, and those of its directory, which has got an
 * entry on disk.
 */
export function noteCopiedUp(union: Union, node: UnionNode): void {
  union.channel?.invalidateAttributes(node.id);
  if (node.parent !== null) union.channel?.invalidateAttributes(node.parent.id);
}
