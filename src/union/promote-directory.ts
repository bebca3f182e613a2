/** Brings directories to the upper layer: themselves, never what they contain. */
import { copyUpOther, refuseProtected } from '../copyup/copy-up.js';
import { Errno, fsError } from '../core/errno.js';
import { FileStat } from '../core/file-stat.js';
import { withWriteInto } from '../sys/owner-permission.js';
import { statAt, statFd } from '../sys/stat.js';
import { RealDirectory } from './layer.js';
import type { DirectoryNode, UnionNode } from './node.js';
import { statToCopy } from './protection.js';
import type { Union } from './union.js';

const fresh = new FileStat();

/**
 * The real directory of `dir` in the upper layer; made now, with all missing ancestors, topmost first, if it was in
 * lower layers only. Only directories themselves are copied, never what they contain.
 */
export function copyUpDirectory(union: Union, dir: DirectoryNode): RealDirectory {
  if (dir.upper !== null) return dir.upper;
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

/** Copies a directory up whose parent is in the upper at `home`. */
function copyUpInto(union: Union, dir: DirectoryNode, home: RealDirectory): RealDirectory {
  const upper = union.writable();
  const lower = dir.top;
  const dirfd = union.fds.get(lower.parent as RealDirectory);
  const origin = union.lowerFiles?.originOf(lower.layer, dirfd, lower.name) ?? null;
  const source = { dirfd, name: lower.name, stat: new FileStat(), overrides: lower.layer.overrides, origin };
  statToCopy(union, dir, source.stat);
  refuseProtected(source.stat, upper.copyUp);
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
 * Before an object that was copied up gets a name in `dir`, which is in the upper: the number that it shows is not its
 * own (fs/overlayfs/util.c:ovl_set_impure).
 */
export function markImpure(union: Union, dir: DirectoryNode | null): void {
  const { origins } = union.dialect;
  if (dir === null || dir.upper === null || dir.impure || origins === null) return;
  const dirfd = union.fds.get(dir.upper);
  statFd(dirfd, fresh);
  withWriteInto(dirfd, fresh.mode, () => origins.markImpure(dirfd));
  dir.impure = true;
}

/** The kernel's cached attributes are out of date: the node's, and those of its directory, which has got an entry on disk. */
export function noteCopiedUp(union: Union, node: UnionNode): void {
  union.channel?.invalidateAttributes(node.id);
  if (node.parent !== null) union.channel?.invalidateAttributes(node.parent.id);
}
