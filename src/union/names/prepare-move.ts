/** Prepares the move of an object to another name, as part of a rename. */
import { Errno, fsError, isErrno } from '../../core/errno.js';
import { hasSeparateWhiteout, upperDirectory } from '../create/create-object.js';
import { lowerNamesIn } from '../create/hidden-names.js';
import { lowerHas } from '../lookup/lower-names.js';
import { redirectDirectory, redirectMetacopy } from '../lookup/redirect.js';
import type { Location } from '../nodes/location.js';
import type { DirectoryNode, FileNode } from '../nodes/node.js';
import { markImpure } from '../promote/impure-mark.js';
import { ensureUpper, ensureWhole } from '../promote/promote.js';
import { copyUpDirectory } from '../promote/promote-directory.js';
import { hasUpperName, linkInUpper } from '../promote/upper-names.js';
import type { Union } from '../state/union.js';
import { isNodeAt } from './detach-node.js';
import { type Move, takesLowers } from './move-node.js';

/**
 * Copies up everything that the move needs. Then marks a directory that moves: with a redirect to its lower
 * parts, or as opaque if lower directories could merge with it at its new place.
 */
export function prepareMove(union: Union, { node, from, to }: Move): void {
  if (node.kind === 'file') {
    ensureUpperName(union, node, from);
    keepData(union, node, from, to);
  }
  const fromPlace = upperDirectory(union, from.dir);
  upperDirectory(union, to.dir);
  if (node.kind === 'directory' ? node.lowers.length > 0 : node.isCopy) markImpure(union, to.dir);
  if (node.kind !== 'directory') return;
  copyUpDirectory(union, node);
  const dirfd = union.fds.get(fromPlace);
  if (takesLowers(union.stack, node)) redirectDirectory(union, node, dirfd, from.dir === to.dir);
  else if (mustBeOpaque(union, to)) markOpaque(union, node, dirfd, to);
}

/**
 * Keeps the data of a metacopy reachable, which is found by the place of the metacopy: marks the metacopy
 * with a redirect to it, or copies the data up.
 */
function keepData(union: Union, node: FileNode, from: Location, to: Location): void {
  if (node.data === null) return;
  if (!redirectMetacopy(union, node, isNodeAt(node, from) && from.dir === to.dir)) ensureWhole(union, node);
}

/** Whether a directory must be opaque at this place, because lower directories could merge with it there. */
function mustBeOpaque(union: Union, { dir, name }: Location): boolean {
  switch (union.stack.dialect.opaqueMarks) {
    case 'always':
      return true;
    case 'moved':
      return dir.lowers.length > 0;
    case 'needed':
      return lowerHas(union, dir, name) || hasSeparateWhiteout(union, upperDirectory(union, dir), name);
  }
}

/**
 * Makes an upper directory opaque before it moves. If the move fails, the mark does no harm: the directory
 * has no visible lower parts at its old place.
 */
function markOpaque(union: Union, node: DirectoryNode, dirfd: number, at: Location): void {
  try {
    union.stack.writable().hiding.markOpaque(dirfd, node.name);
  } catch (error) {
    if (!isErrno(error, 'EOPNOTSUPP', 'ENOSPC', 'ERANGE')) throw error;
    // No lower name has to be hidden. The mark would only protect against lower layers that change while they
    // are not mounted.
    if (isErrno(error, 'EOPNOTSUPP') && lowerNamesIn(union, at).length === 0) return;
    // An upper without such xattrs cannot keep the lower names hidden
    // (fs/overlayfs/dir.c:ovl_set_opaque_xerr).
    throw fsError(Errno.EXDEV, 'rename');
  }
}

/**
 * Brings the name `name` of a file to the upper, together with the file. The node of a file with several
 * links can be at another name; it is at this one afterwards.
 */
function ensureUpperName(union: Union, node: FileNode, { dir, name }: Location): void {
  const { group } = node;
  if (group !== null) union.nodes.move(node, dir, name);
  ensureUpper(union, node);
  if (group !== null && !hasUpperName(union.fds, node, dir, name)) linkInUpper(union, group, dir, name);
}
