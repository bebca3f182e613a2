/**
 * Says of an object of the upper where the rest of it is, which layers below have, before it gets another
 * place (fs/overlayfs/dir.c:ovl_set_redirect). Harmless if it gets none in the end, because it is true where
 * the object is, too.
 */
import { Errno, fsError, isErrno } from '../../core/errno.js';
import type { DirectoryNode, FileNode, UnionNode } from '../nodes/node.js';
import { reachOf } from '../objects/real-object.js';
import type { Union } from '../state/union.js';
import { lowerLinks } from './lookup.js';

/** The longest redirect that is written (fs/overlayfs/super.c, parameter redirect_max). */
const MAX_REDIRECT = 256;

/** @param dirfd the upper directory that has `node` @param sameParent the node stays in its directory */
export function redirectDirectory(union: Union, node: DirectoryNode, dirfd: number, sameParent: boolean): void {
  write(union, node, { fd: dirfd, name: node.name }, sameParent);
}

/**
 * As {@link redirectDirectory}, of a metacopy. False: it cannot be said, so that the data has to come.
 * @param sameParent it stays in its directory and has no other name
 */
export function redirectMetacopy(union: Union, node: FileNode, sameParent: boolean): boolean {
  if (node.parent === null) return node.redirect?.startsWith('/') === true;
  // Of a lower file with several names another may lie elsewhere, and become a link to this copy.
  const relative = sameParent && (node.redirect !== null || lowerLinks(union, node.parent, node.name) === 1);
  try {
    write(union, node, reachOf(union, node), relative);
    return true;
  } catch (error) {
    if (isErrno(error, 'EXDEV')) return false;
    throw error;
  }
}

function write(
  union: Union,
  node: UnionNode,
  at: { readonly fd: number; readonly name: string },
  relative: boolean,
): void {
  const { redirects } = union.dialect;
  const known = node.redirect;
  // One that names the object's place from the root is true anywhere.
  if (redirects === null || (known !== null && (relative || known.startsWith('/')))) return;
  const value = relative ? node.name : placeBelow(node);
  if (value.length > MAX_REDIRECT) throw fsError(Errno.EXDEV, 'redirect');
  try {
    redirects.mark(at.fd, at.name, value);
  } catch (error) {
    // The file system has no room for the mark, or no such marks; without it the rest of the object would be
    // lost.
    if (isErrno(error, 'EOPNOTSUPP', 'ENOSPC', 'ERANGE', 'E2BIG')) {
      throw fsError(Errno.EXDEV, 'redirect');
    }
    throw error;
  }
  node.redirect = value;
  // The mark may have taken a block.
  union.channel?.invalidateAttributes(node.id);
}

/**
 * Where the layers below have an object: its path in the merged tree, as it was before any of its parts
 * moved.
 */
function placeBelow(node: UnionNode): string {
  let path = '';
  for (let at = node; at.parent !== null; at = at.parent) {
    const name = at.redirect ?? at.name;
    if (name.startsWith('/')) return name + path;
    path = `/${name}${path}`;
  }
  return path;
}
