import type { EntryName, NodeId } from '../../core/brand.js';
import { Errno, fsError, isErrno } from '../../core/errno.js';
import { direntType } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { UndoStack } from '../../core/undo.js';
import type { Entry } from '../../fuse/operations.js';
import { linkAt, linkFd, unlinkAt } from '../../sys/files/inode-ops.js';
import { hasSeparateWhiteout, upperDirectory } from '../create/create-object.js';
import type { DirectoryFds } from '../layers/directory-fds.js';
import type { RealDirectory } from '../layers/layer.js';
import { addToListing } from '../lookup/cached-listing.js';
import { redirectMetacopy } from '../lookup/redirect.js';
import type { Location } from '../nodes/location.js';
import type { FileNode } from '../nodes/node.js';
import { assertChangeable, assertWhiteoutRemovable, assertWritable } from '../objects/protection.js';
import { heldFd, showStat, statReal } from '../objects/real-object.js';
import { refuseWithoutData } from '../objects/unfollowed-data.js';
import { markImpure } from '../promote/impure-mark.js';
import { assertNotCopying, ensureUpper, ensureWhole } from '../promote/promote.js';
import type { Union } from '../state/union.js';
import { countedEntry } from './entries.js';

const scratch = new FileStat();

/**
 * Gives a file another name. A lower file is copied up first, because a link can lead only to an object of
 * the upper.
 */
export function link(union: Union, nodeid: NodeId, parent: NodeId, name: EntryName): Entry {
  const node = union.nodes.file(nodeid);
  const dir = union.nodes.directory(parent);
  union.stack.checkNewName(name);
  assertWritable(union, dir);
  assertChangeable(union, node);
  assertNotCopying(node);
  refuseWithoutData(union, node, 'link');
  ensureUpper(union, node);
  if (node.data !== null && !redirectMetacopy(union, node, false)) ensureWhole(union, node);
  const home = upperDirectory(union, dir);
  if (node.isCopy) markImpure(union, dir);
  if (node.group !== null) union.identity.links?.storeCountByCopy(node.group);
  const { attr } = union.answer;
  // The node remains at its old name, so that `dir.children` lacks the new one.
  dir.isComplete = false;
  const undo = new UndoStack();
  if (hasSeparateWhiteout(union, home, name) || !tryLink(union.fds, node, home, name)) {
    linkOverWhiteout(union, node, { dir, name }, home);
    undo.push(() => union.stack.writable().hiding.removeAndHide(union.fds.get(home), name));
  } else undo.push(() => unlinkAt(union.fds.get(home), name));
  // Before the steps that can fail: if one fails and the new name cannot be removed either, a lookup of that
  // name must find this node.
  union.nodes.share(node);
  // If this fails, the application gets an error, and so must not find the name.
  undo.guard(() => statReal(union, node, attr));
  if (node.parent === null) nameNode(union, node, { dir, name }, home);
  showStat(node, attr);
  addToListing(union.caches.listings, dir, name, { ino: node.ino, type: direntType(attr.mode), home });
  return countedEntry(union, node);
}

/** Makes the link at its name. Returns false if the upper has something at that name, perhaps a whiteout. */
function tryLink(fds: DirectoryFds, node: FileNode, home: RealDirectory, name: EntryName): boolean {
  try {
    linkReal(fds, node, fds.get(home), name);
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  }
}

function linkReal(fds: DirectoryFds, node: FileNode, dirfd: number, name: EntryName): void {
  if (node.home !== null) linkAt(fds.get(node.home), node.realName, dirfd, name);
  else linkFd(heldFd(node), dirfd, name);
}

function linkOverWhiteout(union: Union, node: FileNode, { dir, name }: Location, home: RealDirectory): void {
  const { work, hiding } = union.stack.writable();
  const dirfd = union.fds.get(home);
  if (home.layer.reader.probe(dirfd, name, scratch) !== 'whiteout') throw fsError(Errno.EEXIST, 'link');
  assertWhiteoutRemovable(union, dir);
  const staged = work.temporaryName();
  linkReal(union.fds, node, work.fd, staged);
  try {
    hiding.publishOverWhiteout(staged, dirfd, name, false);
  } catch (error) {
    work.discard(staged);
    throw error;
  }
}

/**
 * Moves the node of a file that had no name to this one: it was made with O_TMPFILE, or lost all its names.
 */
function nameNode(union: Union, node: FileNode, { dir, name }: Location, home: RealDirectory): void {
  union.nodes.move(node, dir, name);
  node.removed = false;
  if (node.group !== null) return;
  node.placeAt(home, name);
}
