/** Copies directories up: only themselves, never their content. */
import type { CopyUpSource } from '../../copyup/context.js';
import { copyUpNonRegular, copyUpUnnamed, refuseProtected } from '../../copyup/copy-up.js';
import { Errno, fsError } from '../../core/errno.js';
import { FileStat } from '../../core/file-stat.js';
import { statAt } from '../../sys/files/stat.js';
import { RealDirectory } from '../layers/layer.js';
import type { DirectoryNode, UnionNode } from '../nodes/node.js';
import { statToCopy } from '../objects/protection.js';
import type { Kernel, Union } from '../state/union.js';
import { markImpure } from './impure-mark.js';

const copy = new FileStat();

/**
 * The real directory of `dir` in the upper. If `dir` is only in lower layers, copies it up with all its
 * missing ancestors, topmost first. The copy of a directory that was removed while in use gets no name.
 */
export function copyUpDirectory(union: Union, dir: DirectoryNode): RealDirectory {
  if (dir.upper !== null) return dir.upper;
  if (dir.removed) return copyUpRemoved(union, dir);
  union.stack.writable();
  // A loop, because a tree can be deeper than the call stack.
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

/** The topmost lower directory of `dir`. */
function sourceOf(union: Union, dir: DirectoryNode): CopyUpSource {
  const lower = dir.top;
  const dirfd = union.fds.get(lower.parent as RealDirectory);
  const origin = union.identity.originHandles?.originOf(lower.layer, dirfd, lower.name) ?? null;
  const stat = new FileStat();
  statToCopy(union, dir, stat);
  refuseProtected(stat, union.stack.writable().copyUp);
  return { dirfd, name: lower.name, stat, overrides: lower.layer.overrides, origin };
}

/**
 * Copies up a directory that was removed. So a process that has it open can change its attributes, as on
 * ext4. (The kernel's overlayfs: ENOTDIR.)
 */
function copyUpRemoved(union: Union, dir: DirectoryNode): RealDirectory {
  const { layer, copyUp } = union.stack.writable();
  const real = new RealDirectory(layer, layer.root, dir.name);
  real.fd = copyUpUnnamed(sourceOf(union, dir), copyUp);
  real.isPinned = true;
  dir.upper = real;
  invalidateCopied(union.kernel, dir);
  return real;
}

/** Copies up a directory whose parent is in the upper at `home`. */
function copyUpInto(union: Union, dir: DirectoryNode, home: RealDirectory): RealDirectory {
  const upper = union.stack.writable();
  const source = sourceOf(union, dir);
  if (dir.parent !== null) markImpure(union, dir.parent);
  const destination = { upper: union.fds.get(home), name: dir.name };
  // The stat is read before the copy has its name, because no step after that can fail.
  copyUpNonRegular(source, destination, upper.copyUp, (workFd, staged) => statAt(workFd, staged, copy));
  union.identity.numbers.keep(copy, dir.ino);
  dir.upper = new RealDirectory(upper.layer, home, dir.name);
  if (dir.parent !== null) union.caches.listings.peek(dir.parent)?.rehome(dir.name, home, dir.ino);
  invalidateCopied(union.kernel, dir);
  return dir.upper;
}

/**
 * Invalidates the attributes that the kernel has cached of a node that was copied up, and those of its
 * directory, which has a new entry on disk.
 */
export function invalidateCopied(kernel: Kernel, node: UnionNode): void {
  kernel.channel?.invalidateAttributes(node.id);
  if (node.parent !== null) kernel.channel?.invalidateAttributes(node.parent.id);
}
