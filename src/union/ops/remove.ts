import type { EntryName, NodeId } from '../../core/brand.js';
import { Errno, fsError } from '../../core/errno.js';
import { FileStat } from '../../core/file-stat.js';
import { O_PATH } from '../../core/flags.js';
import { afterwards } from '../../core/undo.js';
import { unlinkAt } from '../../sys/files/inode-ops.js';
import { close, openAt } from '../../sys/files/open.js';
import { statFd } from '../../sys/files/stat.js';
import type { RealDirectory } from '../layers/layer.js';
import { lookup, lowerHas } from '../lookup/lookup.js';
import { isEmpty, noteLost, noteRemoved } from '../lookup/merge-directory.js';
import type { LinkGroup } from '../nodes/link-group.js';
import type { DirectoryNode, FileNode, UnionNode } from '../nodes/node.js';
import { assertRemovable } from '../objects/protection.js';
import { opensItself, statReal } from '../objects/real-object.js';
import { assertFree, ensureUpper } from '../promote/promote.js';
import { copyUpDirectory } from '../promote/promote-directory.js';
import { bringName, hasUpperName } from '../promote/upper-names.js';
import type { Union } from '../state/union.js';

const scratch = new FileStat();

/** Removes a name of a file. A lower file is hidden, never copied up first. */
export function unlink(union: Union, parent: NodeId, name: EntryName): void {
  const { hiding } = union.writable();
  const dir = union.nodes.directory(parent);
  const node = existing(union, dir, name);
  if (node.kind === 'directory') throw fsError(Errno.EISDIR, 'unlink');
  assertRemovable(union, dir, node);
  assertFree(node);
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
  forgetName(union, node, dir, name, inUpper);
  noteRemoved(union, dir, name);
}

/**
 * Before a name of a file goes: where the copy counts the names, it must be there to do so, with a link at
 * the name that goes, which is then one less of the copy's own (fs/overlayfs/util.c:ovl_nlink_start).
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

/** The node of a name that the kernel believes to be there. */
export function existing(union: Union, dir: DirectoryNode, name: EntryName): UnionNode {
  // Nobody wants its attributes.
  const node = dir.children.get(name) ?? lookup(union, dir, name, scratch);
  if (node === null) throw fsError(Errno.ENOENT, 'remove');
  return node;
}

/**
 * While an upper file loses the name it is known by, by `remove`: keeps an fd of it if anybody may still ask
 * for it, through a mapping, an O_PATH fd or another link. One that is open has an fd already: those who keep
 * unlinked files open must not cost the server two for each.
 */
export function keepingReachable(
  node: FileNode,
  dir: DirectoryNode,
  name: EntryName,
  dirfd: number,
  remove: () => void,
): void {
  const knownByThis = node.parent === dir && node.name === name;
  const wanted = knownByThis && node.pin < 0 && isHeld(node);
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

/** Whether somebody may ask for the real object, who has no fd of it: a metacopy is open by its data. */
function isHeld(node: FileNode): boolean {
  // The copy of a file with several links is reached through its entry.
  return node.group === null && !opensItself(node) && (node.nlookup > 0 || node.open !== null);
}

/**
 * After a file has lost the name `name` of `dir`. A lower one is still reached where it lies.
 * @param inUpper the name was one of the upper, not one that has been hidden now
 */
export function forgetName(union: Union, node: FileNode, dir: DirectoryNode, name: EntryName, inUpper: boolean): void {
  noteLost(union, dir, node);
  if (node.group !== null) {
    forgetLink(union, node, node.group, dir, name, inUpper);
    return;
  }
  // Another name of the same file goes on leading to the node.
  if (node.parent !== dir || node.name !== name) return;
  node.removed = true;
  // Whoever waited for a copy-up only to take the name away was not told how it failed; nobody else is to be.
  union.jobs.takeFailure(node);
  if (node.isUpper) {
    node.home = null;
    releaseNumber(union, node);
  }
  union.nodes.detach(node);
  union.nodes.release(node);
}

/** As {@link forgetName}: the copy's entry goes with the last name. */
function forgetLink(
  union: Union,
  node: FileNode,
  group: LinkGroup,
  dir: DirectoryNode,
  name: EntryName,
  inUpper: boolean,
): void {
  if (!inUpper) union.links?.hide(group);
  // Where they fail, the entry stays until the end of the mount; it shows nowhere.
  afterwards(() => {
    statReal(union, node, scratch);
    const { nlink } = scratch;
    // Before the file counts as removed: the lower file may have got names meanwhile.
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
  // Where it fails, the next file with the real number shows the one that is kept.
  afterwards(() => {
    statReal(union, node, scratch);
    if (scratch.nlink === 0) union.numbers.release(scratch.devMajor, scratch.devMinor, scratch.ino);
  });
}

/** Removes a directory that the merged view shows as empty. */
export function rmdir(union: Union, parent: NodeId, name: EntryName): void {
  const { hiding } = union.writable();
  const dir = union.nodes.directory(parent);
  const node = existing(union, dir, name);
  if (node.kind === 'file') throw fsError(Errno.ENOTDIR, 'rmdir');
  assertRemovable(union, dir, node);
  if (!isEmpty(union, node)) throw fsError(Errno.ENOTEMPTY, 'rmdir');
  if (node.upper === null) hiding.hide(union.fds.get(copyUpDirectory(union, dir)), name);
  else removeUpper(union, dir, node, node.upper);
  forgetDirectory(union, node);
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

/** A directory that has lost its name; whoever has it open sees it as empty. */
export function forgetDirectory(union: Union, node: DirectoryNode): void {
  if (node.parent !== null) noteLost(union, node.parent, node);
  node.removed = true;
  union.listings.delete(node);
  union.nodes.detach(node);
  union.nodes.release(node);
}
