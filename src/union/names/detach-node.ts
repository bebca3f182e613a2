/** Updates nodes when a name of their object is removed. */
import { FileStat } from '../../core/file-stat.js';
import { O_PATH } from '../../core/flags.js';
import { afterwards } from '../../core/undo.js';
import { close, openAt } from '../../sys/files/open.js';
import { recheckCopies } from '../lookup/cached-listing.js';
import type { LinkGroup } from '../nodes/link-group.js';
import type { Location } from '../nodes/location.js';
import type { DirectoryNode, FileNode } from '../nodes/node.js';
import { hasRealObjectOpen, statReal } from '../objects/real-object.js';
import type { Union } from '../state/union.js';

const scratch = new FileStat();

/**
 * Whether the node of a file is at this name. A file with several links has one node, at one of its names.
 */
export function isNodeAt(node: FileNode, { dir, name }: Location): boolean {
  return node.parent === dir && node.name === name;
}

/**
 * Runs `remove`, which removes a name of an upper file. If the node is at that name, it gets an fd of the
 * file first: the kernel can still send requests for it, through a mapping, an O_PATH fd or another link. An
 * open file has an fd already. The server must not keep two fds for one unlinked open file.
 */
export function keepingReachable(node: FileNode, at: Location, dirfd: number, remove: () => void): void {
  const wanted = isNodeAt(node, at) && node.pinnedFd < 0 && needsPinnedFd(node);
  if (wanted) node.pinnedFd = openAt(dirfd, at.name, O_PATH);
  try {
    remove();
  } catch (error) {
    if (wanted) {
      close(node.pinnedFd);
      node.pinnedFd = -1;
    }
    throw error;
  }
}

/**
 * Whether the kernel can still send requests for the real object after its name is removed, and the node has
 * no fd of this object. The open fd of a metacopy does not count: it is an fd of the file with the data.
 */
function needsPinnedFd(node: FileNode): boolean {
  // The copy of a file with several links is reached through its entry in the hard link table.
  return node.group === null && !hasRealObjectOpen(node) && (node.nlookup > 0 || node.open !== null);
}

/**
 * Updates the node of a file after one of its names was removed. A lower file is still reached at its place
 * in the lower layer.
 * @param inUpper the upper had the name; false: the name was a lower one, and is hidden now
 */
export function detachName(union: Union, node: FileNode, at: Location, inUpper: boolean): void {
  recheckCopies(union.caches.listings, at.dir, node);
  if (node.group !== null) {
    detachLink(union, node, node.group, at, inUpper);
    return;
  }
  // The node is at another name of the file.
  if (!isNodeAt(node, at)) return;
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
 * Does what {@link detachName} does, for a file with a group. When the file loses its last name, the entry of
 * its copy is removed too.
 */
function detachLink(union: Union, node: FileNode, group: LinkGroup, at: Location, inUpper: boolean): void {
  if (!inUpper) union.identity.links?.recordHiddenName(group);
  // If a step fails, the entry remains until the end of the mount. It is visible nowhere.
  afterwards(() => {
    statReal(union, node, scratch);
    const { nlink } = scratch;
    // Checked before the file counts as removed: the lower file may have got more names since.
    if (group.isHiddenCountExact && group.countNames(nlink) === 0) union.identity.links?.rereadLowerLinks(group);
    node.removed = group.isHiddenCountExact && group.countNames(nlink) === 0;
    if (!node.removed) return;
    union.jobs.takeFailure(node);
    union.identity.links?.dissolve(group, node);
  });
  if (!node.removed && !isNodeAt(node, at)) return;
  union.nodes.detach(node);
  union.nodes.release(node);
}

function releaseNumber(union: Union, node: FileNode): void {
  if (!union.identity.numbers.keepsAny || (node.pinnedFd < 0 && node.open === null)) return;
  // If this fails, the number that this file showed stays reserved for its real inode number. The next file
  // to which the upper gives this real number shows it.
  afterwards(() => {
    statReal(union, node, scratch);
    if (scratch.nlink === 0) union.identity.numbers.release(scratch.devMajor, scratch.devMinor, scratch.ino);
  });
}

/**
 * Updates the node of a directory after its name was removed. Processes that have it open see it as empty.
 */
export function detachDirectory(union: Union, node: DirectoryNode): void {
  if (node.parent !== null) recheckCopies(union.caches.listings, node.parent, node);
  node.removed = true;
  union.caches.listings.delete(node);
  union.nodes.detach(node);
  union.nodes.release(node);
}
