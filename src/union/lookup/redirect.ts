/**
 * Marks an upper object with a redirect to its parts in the layers below, before the object moves
 * (fs/overlayfs/dir.c:ovl_set_redirect). If the move fails, the mark does no harm, because it is also correct
 * at the old place.
 */
import { Errno, fsError, isErrno } from '../../core/errno.js';
import type { ObjectRef } from '../../sys/files/object-ref.js';
import type { DirectoryNode, FileNode, UnionNode } from '../nodes/node.js';
import { refOf } from '../objects/real-object.js';
import type { Union } from '../state/union.js';
import { lowerLinks } from './lower-names.js';

/** The longest redirect that is written (fs/overlayfs/super.c, parameter redirect_max). */
const MAX_REDIRECT = 256;

/**
 * Marks a directory.
 * @param dirfd the upper directory that contains it
 * @param sameParent it moves within that directory
 */
export function redirectDirectory(union: Union, node: DirectoryNode, dirfd: number, sameParent: boolean): void {
  markRedirect(union, node, { dirfd, name: node.name }, sameParent);
}

/**
 * Marks a metacopy with a redirect to its data. Returns false if no redirect can express the place: then the
 * data must be copied up.
 * @param sameParent it moves within its directory and has no other name
 */
export function redirectMetacopy(union: Union, node: FileNode, sameParent: boolean): boolean {
  if (node.parent === null) return node.redirect?.startsWith('/') === true;
  // Another name of the lower file, perhaps in another directory, can become a link to this copy and share
  // its mark. There a redirect relative to this directory would lead to the wrong place.
  const relative = sameParent && (node.redirect !== null || lowerLinks(union, node.parent, node.name) === 1);
  try {
    markRedirect(union, node, refOf(union.fds, node), relative);
    return true;
  } catch (error) {
    if (isErrno(error, 'EXDEV')) return false;
    throw error;
  }
}

function markRedirect(union: Union, node: UnionNode, at: ObjectRef, relative: boolean): void {
  const { redirects } = union.stack.dialect;
  const known = node.redirect;
  // A redirect with a path from the root is correct at any place.
  if (redirects === null || (known !== null && (relative || known.startsWith('/')))) return;
  const value = relative ? node.name : pathInLowers(node);
  if (value.length > MAX_REDIRECT) throw fsError(Errno.EXDEV, 'redirect');
  try {
    redirects.mark(at.dirfd, at.name, value);
  } catch (error) {
    // The file system has no space for the mark, or no xattrs. Without the mark the object would lose its
    // lower parts.
    if (isErrno(error, 'EOPNOTSUPP', 'ENOSPC', 'ERANGE', 'E2BIG')) {
      throw fsError(Errno.EXDEV, 'redirect');
    }
    throw error;
  }
  node.redirect = value;
  // The mark may have taken a block.
  union.kernel.channel?.invalidateAttributes(node.id);
}

/**
 * The path of an object in the lower layers: the one that it had in the merged tree before it or one of its
 * parents was moved.
 */
function pathInLowers(node: UnionNode): string {
  let path = '';
  for (let at = node; at.parent !== null; at = at.parent) {
    const name = at.redirect ?? at.name;
    if (name.startsWith('/')) return name + path;
    path = `/${name}${path}`;
  }
  return path;
}
