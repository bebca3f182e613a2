import type { EntryName, NodeId } from '../../core/brand.js';
import { Errno, fsError } from '../../core/errno.js';
import { FileStat } from '../../core/file-stat.js';
import { O_PATH } from '../../core/flags.js';
import { afterwards } from '../../core/undo.js';
import { unlinkAt } from '../../sys/files/inode-ops.js';
import { close, openAt } from '../../sys/files/open.js';
import { statFd } from '../../sys/files/stat.js';
import type { RealDirectory } from '../layers/layer.js';
import { lookupNode } from '../lookup/lookup.js';
import { lowerHas } from '../lookup/lower-names.js';
import { isEmpty, noteLost, noteRemoved } from '../lookup/merge-directory.js';
import type { LinkGroup } from '../nodes/link-group.js';
import type { DirectoryNode, FileNode, UnionNode } from '../nodes/node.js';
import { assertRemovable } from '../objects/protection.js';
import { opensItself, statReal } from '../objects/real-object.js';
import { assertNotBusy, ensureUpper } from '../promote/promote.js';
import { copyUpDirectory } from '../promote/promote-directory.js';
import { bringName, hasUpperName } from '../promote/upper-names.js';
import type { Union } from '../state/union.js';

const scratch = new FileStat();

/** Removes a name of a file. A lower file is hidden by a whiteout, and not copied up for that. */
export function unlink(union: Union, parent: NodeId, name: EntryName): void {
  const { hiding } = union.writable();
  const dir = union.nodes.directory(parent);
  const node = existingNode(union, dir, name);
  if (node.kind === 'directory') throw fsError(Errno.EISDIR, 'unlink');
  assertRemovable(union, dir, node);
  assertNotBusy(node);
  prepareRemoval(union, node, dir, name);
  const inUpper = hasUpperName(union, node, dir, name);
  if (!inUpper) hiding.hide(union.fds.get(copyUpDirectory(union, dir)), name);
  else {
    const dirfd = union.fds.get(dir.upper as RealDirectory);
    keepingReachable(node, dir, name, dirfd, () => {
      if (lowerHas(union, dir, name)) hiding.removeAndHide(dirfd, name);
      else unlinkAt(dirfd, name);
    });
  }
  detachName(union, node, dir, name, inUpper);
  noteRemoved(union, dir, name);
}

/**
 * Prepares the removal of one name of a file with several links, where the count of its names is stored with
 * its copy. First the file is copied up, so that the count has a place. Then the copy gets a link at the
 * name, so that the removal takes one of the copy's own links (fs/overlayfs/util.c:ovl_nlink_start).
 */
export function prepareRemoval(union: Union, node: UnionNode, dir: DirectoryNode, name: EntryName): void {
  if (node.kind === 'directory' || node.group === null || union.links?.countsNames !== true) return;
  if (!node.isUpper) {
    union.nodes.move(node, dir, name);
    ensureUpper(union, node);
  }
  const { group } = node;
  if (group === null) return;
  if (!hasUpperName(union, node, dir, name)) bringName(union, group, dir, name);
  union.links.count(group);
}

/** The node of a name that exists according to the kernel's cache; ENOENT if it does not. */
export function existingNode(union: Union, dir: DirectoryNode, name: EntryName): UnionNode {
  const node = dir.children.get(name) ?? lookupNode(union, dir, name, scratch);
  if (node === null) throw fsError(Errno.ENOENT, 'remove');
  return node;
}

/**
 * Runs `remove`, which removes a name of an upper file. If the file is known by that name, the node gets an
 * fd of the file first: the kernel can still send requests for it, through a mapping, an O_PATH fd or another
 * link. A file that is open has an fd already; an unlinked open file must not cost the server two.
 */
export function keepingReachable(
  node: FileNode,
  dir: DirectoryNode,
  name: EntryName,
  dirfd: number,
  remove: () => void,
): void {
  const knownByThis = node.parent === dir && node.name === name;
  const wanted = knownByThis && node.pin < 0 && needsPin(node);
  if (wanted) node.pin = openAt(dirfd, name, O_PATH);
  try {
    remove();
  } catch (error) {
    if (wanted) {
      close(node.pin);
      node.pin = -1;
    }
    throw error;
  }
}

/**
 * Whether the kernel can still ask for the real object when its name is removed, and the node has no fd of
 * it. The open fd of a metacopy is not one: it is that of its data.
 */
function needsPin(node: FileNode): boolean {
  // The copy of a file with several links is reached through its entry in the hard link table.
  return node.group === null && !opensItself(node) && (node.nlookup > 0 || node.open !== null);
}

/**
 * Updates the node of a file after its name `name` in `dir` was removed. A lower file is still reached at its
 * place in the lower layer.
 * @param inUpper the upper had the name; false: the name was a lower one, and is hidden now
 */
export function detachName(union: Union, node: FileNode, dir: DirectoryNode, name: EntryName, inUpper: boolean): void {
  noteLost(union, dir, node);
  if (node.group !== null) {
    detachLink(union, node, node.group, dir, name, inUpper);
    return;
  }
  // The node is known by another name of the file.
  if (node.parent !== dir || node.name !== name) return;
  node.removed = true;
  // The error of a failed copy-up is dropped: the only request that waited for the copy-up was this removal.
  union.jobs.takeFailure(node);
  if (node.isUpper) {
    node.home = null;
    releaseNumber(union, node);
  }
  union.nodes.detach(node);
  union.nodes.release(node);
}

/**
 * As {@link detachName}, for a file with a group. The copy's entry is removed together with its last name.
 */
function detachLink(
  union: Union,
  node: FileNode,
  group: LinkGroup,
  dir: DirectoryNode,
  name: EntryName,
  inUpper: boolean,
): void {
  if (!inUpper) union.links?.hide(group);
  // If a step fails, the entry remains until the end of the mount. It is visible nowhere.
  afterwards(() => {
    statReal(union, node, scratch);
    const { nlink } = scratch;
    // Checked before the file counts as removed: the lower file may have got more names since.
    if (group.exact && group.names(nlink) === 0) union.links?.recount(group);
    node.removed = group.exact && group.names(nlink) === 0;
    if (!node.removed) return;
    union.jobs.takeFailure(node);
    union.links?.dissolve(group, node);
  });
  if (!node.removed && (node.parent !== dir || node.name !== name)) return;
  union.nodes.detach(node);
  union.nodes.release(node);
}

function releaseNumber(union: Union, node: FileNode): void {
  if (!union.numbers.keepsAny || (node.pin < 0 && node.open === null)) return;
  // If this fails, the next file that gets the real number shows the number that is kept for this one.
  afterwards(() => {
    statReal(union, node, scratch);
    if (scratch.nlink === 0) union.numbers.release(scratch.devMajor, scratch.devMinor, scratch.ino);
  });
}

/** Removes a directory that the merged view shows as empty. */
export function rmdir(union: Union, parent: NodeId, name: EntryName): void {
  const { hiding } = union.writable();
  const dir = union.nodes.directory(parent);
  const node = existingNode(union, dir, name);
  if (node.kind === 'file') throw fsError(Errno.ENOTDIR, 'rmdir');
  assertRemovable(union, dir, node);
  if (!isEmpty(union, node)) throw fsError(Errno.ENOTEMPTY, 'rmdir');
  if (node.upper === null) hiding.hide(union.fds.get(copyUpDirectory(union, dir)), name);
  else removeUpper(union, dir, node, node.upper);
  detachDirectory(union, node);
  noteRemoved(union, dir, name);
}

function removeUpper(union: Union, dir: DirectoryNode, node: DirectoryNode, upper: RealDirectory): void {
  const { hiding } = union.writable();
  const dirfd = union.fds.get(dir.upper as RealDirectory);
  union.fds.pin(upper);
  statFd(upper.fd, scratch);
  hiding.removeDirectory(dirfd, node.name, lowerHas(union, dir, node.name));
  union.numbers.release(scratch.devMajor, scratch.devMinor, scratch.ino);
}

/**
 * Updates the node of a directory after its name was removed. Processes that have it open see it as empty.
 */
export function detachDirectory(union: Union, node: DirectoryNode): void {
  if (node.parent !== null) noteLost(union, node.parent, node);
  node.removed = true;
  union.listings.delete(node);
  union.nodes.detach(node);
  union.nodes.release(node);
}
