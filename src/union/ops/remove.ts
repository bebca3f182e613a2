import type { EntryName, NodeId } from '../../core/brand.js';
import { Errno, fsError } from '../../core/errno.js';
import { FileStat } from '../../core/file-stat.js';
import { unlinkAt } from '../../sys/files/inode-ops.js';
import { statFd } from '../../sys/files/stat.js';
import type { RealDirectory } from '../layers/layer.js';
import { isEmpty, removeFromListing } from '../lookup/cached-listing.js';
import { lookupNode } from '../lookup/lookup.js';
import { lowerHas } from '../lookup/lower-names.js';
import { detachDirectory, detachName, keepingReachable } from '../names/detach-node.js';
import { prepareRemoval } from '../names/prepare-removal.js';
import type { DirectoryNode, UnionNode } from '../nodes/node.js';
import { assertRemovable } from '../objects/protection.js';
import { assertNotCopying } from '../promote/promote.js';
import { copyUpDirectory } from '../promote/promote-directory.js';
import { hasUpperName } from '../promote/upper-names.js';
import type { Union } from '../state/union.js';

const scratch = new FileStat();

/** Removes a name of a file. A lower file is hidden by a whiteout, and not copied up for that. */
export function unlink(union: Union, parent: NodeId, name: EntryName): void {
  const { hiding } = union.stack.writable();
  const dir = union.nodes.directory(parent);
  const node = existingNode(union, dir, name);
  if (node.kind === 'directory') throw fsError(Errno.EISDIR, 'unlink');
  assertRemovable(union, dir, node);
  assertNotCopying(node);
  const at = { dir, name };
  prepareRemoval(union, node, at);
  const inUpper = hasUpperName(union.fds, node, dir, name);
  if (!inUpper) hiding.hide(union.fds.get(copyUpDirectory(union, dir)), name);
  else {
    const dirfd = union.fds.get(dir.upper as RealDirectory);
    keepingReachable(node, at, dirfd, () => {
      if (lowerHas(union, dir, name)) hiding.removeAndHide(dirfd, name);
      else unlinkAt(dirfd, name);
    });
  }
  detachName(union, node, at, inUpper);
  removeFromListing(union.caches.listings, dir, name);
}

/** The node of a name that exists according to the kernel's cache; ENOENT if it does not. */
export function existingNode(union: Union, dir: DirectoryNode, name: EntryName): UnionNode {
  const node = dir.children.get(name) ?? lookupNode(union, dir, name, scratch);
  if (node === null) throw fsError(Errno.ENOENT, 'remove');
  return node;
}

/** Removes a directory that the merged view shows as empty. */
export function rmdir(union: Union, parent: NodeId, name: EntryName): void {
  const { hiding } = union.stack.writable();
  const dir = union.nodes.directory(parent);
  const node = existingNode(union, dir, name);
  if (node.kind === 'file') throw fsError(Errno.ENOTDIR, 'rmdir');
  assertRemovable(union, dir, node);
  if (!isEmpty(union, node)) throw fsError(Errno.ENOTEMPTY, 'rmdir');
  if (node.upper === null) hiding.hide(union.fds.get(copyUpDirectory(union, dir)), name);
  else removeUpper(union, dir, node, node.upper);
  detachDirectory(union, node);
  removeFromListing(union.caches.listings, dir, name);
}

function removeUpper(union: Union, dir: DirectoryNode, node: DirectoryNode, upper: RealDirectory): void {
  const { hiding } = union.stack.writable();
  const dirfd = union.fds.get(dir.upper as RealDirectory);
  union.fds.pin(upper);
  statFd(upper.fd, scratch);
  hiding.removeDirectory(dirfd, node.name, lowerHas(union, dir, node.name));
  union.identity.numbers.release(scratch.devMajor, scratch.devMinor, scratch.ino);
}
