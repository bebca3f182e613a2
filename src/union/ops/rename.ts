/**
 * Rename, in four steps: check → copy up → move → commit (fs/overlayfs/dir.c:ovl_rename). A rename that the
 * checks refuse has changed nothing. A copy-up that a later failure leaves behind shows the same tree. The
 * move is one step of the dialect.
 */
import type { EntryName, NodeId } from '../../core/brand.js';
import { Errno, FsError, fsError, isErrno } from '../../core/errno.js';
import { DT_DIR, direntType } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { RENAME_EXCHANGE, RENAME_NOREPLACE } from '../../core/flags.js';
import { afterwards } from '../../core/undo.js';
import { renameAt } from '../../sys/files/inode-ops.js';
import { statFd } from '../../sys/files/stat.js';
import { hasSeparateWhiteout, upperDirectory } from '../create/create-object.js';
import { lowerNamesIn } from '../create/hidden-names.js';
import type { RealDirectory } from '../layers/layer.js';
import { lookupNode } from '../lookup/lookup.js';
import { lowerHas } from '../lookup/lower-names.js';
import { isEmpty, lowersAreBare, noteAdded, noteLost, noteRemoved } from '../lookup/merge-directory.js';
import { redirectDirectory, redirectMetacopy } from '../lookup/redirect.js';
import type { DirectoryNode, FileNode, UnionNode } from '../nodes/node.js';
import { assertRemovable, assertWhiteoutRemovable, assertWritable } from '../objects/protection.js';
import { statReal } from '../objects/real-object.js';
import { refuseWithoutData } from '../objects/unfollowed-data.js';
import { markImpure } from '../promote/impure-mark.js';
import { assertNotBusy, ensureUpper, ensureWhole } from '../promote/promote.js';
import { copyUpDirectory } from '../promote/promote-directory.js';
import { bringName, hasUpperName } from '../promote/upper-names.js';
import type { Union } from '../state/union.js';
import { detachDirectory, detachName, existingNode, keepingReachable, prepareRemoval } from './remove.js';

/** One name of one directory. */
interface Location {
  readonly dir: DirectoryNode;
  readonly name: EntryName;
}

const scratch = new FileStat();

export function rename(
  union: Union,
  parent: NodeId,
  name: EntryName,
  newParent: NodeId,
  newName: EntryName,
  flags: number,
): void {
  if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) !== 0) throw fsError(Errno.EINVAL, 'rename');
  union.writable();
  const from = { dir: union.nodes.directory(parent), name };
  const to = { dir: union.nodes.directory(newParent), name: newName };
  const source = existingNode(union, from.dir, name);
  union.checkNewName(newName);
  const target = lookupNode(union, to.dir, newName, scratch);
  // Both are names of one file: rename(2) changes nothing then.
  if (source === target) return;
  assertRemovable(union, from.dir, source);
  if (target === null) assertWritable(union, to.dir);
  else assertRemovable(union, to.dir, target);
  // A node of a file with several links can remain known by another name, which `children` has it under.
  from.dir.isComplete = false;
  to.dir.isComplete = false;
  change(union, source, from, target, to, flags);
}

function change(
  union: Union,
  source: UnionNode,
  from: Location,
  target: UnionNode | null,
  to: Location,
  flags: number,
): void {
  if ((flags & RENAME_EXCHANGE) !== 0) {
    if (target === null) throw fsError(Errno.ENOENT, 'rename');
    exchange(union, source, from, target, to);
    return;
  }
  if (target !== null) {
    if ((flags & RENAME_NOREPLACE) !== 0) throw fsError(Errno.EEXIST, 'rename');
    checkReplaceable(union, source, target);
  }
  replace(union, source, from, target, to);
}

/**
 * Throws if `node` cannot move. The lower parts of a directory remain where they are when it moves; EXDEV
 * makes mv(1) and other programs copy it instead.
 */
function checkMovable(union: Union, node: UnionNode): void {
  if (node.kind === 'file') {
    assertNotBusy(node);
    refuseWithoutData(union, node, 'rename');
    return;
  }
  const movable = union.dialect.mayMove({
    inUpper: node.upper !== null,
    inLower: node.lowers.length > 0,
    isEmpty: () => isEmpty(union, node),
    lowersAreBare: () => lowersAreBare(union, node),
  });
  if (!movable) throw fsError(Errno.EXDEV, 'rename');
}

function checkReplaceable(union: Union, source: UnionNode, target: UnionNode): void {
  if (target.kind === 'file') {
    if (source.kind === 'directory') throw fsError(Errno.ENOTDIR, 'rename');
    assertNotBusy(target);
    return;
  }
  if (source.kind === 'file') throw fsError(Errno.EISDIR, 'rename');
  // EXDEV is checked first, as in the kernel (fs/overlayfs/dir.c:ovl_rename).
  checkMovable(union, source);
  if (!isEmpty(union, target)) throw fsError(Errno.ENOTEMPTY, 'rename');
}

function replace(union: Union, source: UnionNode, from: Location, target: UnionNode | null, to: Location): void {
  checkMovable(union, source);
  if (target !== null) prepareRemoval(union, target, to.dir, to.name);
  prepare(union, source, from, to);
  const { hiding, layer } = union.writable();
  const fromFd = union.fds.get(upperDirectory(union, from.dir));
  const toFd = union.fds.get(upperDirectory(union, to.dir));
  const inUpper = target !== null && hasUpperName(union, target, to.dir, to.name);
  const ontoWhiteout = !inUpper && layer.reader.probe(toFd, to.name, scratch) === 'whiteout';
  if (ontoWhiteout) assertWhiteoutRemovable(union, to.dir);
  const plan = {
    from: fromFd,
    name: from.name,
    to: toFd,
    newName: to.name,
    hideSource: lowerHas(union, from.dir, from.name),
    ontoWhiteout,
    isDirectory: source.kind === 'directory',
  };
  const move = (): void => hiding.move(plan);
  if (inUpper) keepingTarget(union, target, to, toFd, move);
  else move();
  if (target !== null) dropTarget(union, target, to, inUpper);
  commit(union, source, from, to);
}

/**
 * Copies up everything that the move needs. Then marks a directory that moves: with a redirect to its lower
 * parts, or as opaque if lower directories could merge with it at its new place.
 */
function prepare(union: Union, source: UnionNode, from: Location, to: Location): void {
  if (source.kind === 'file') {
    ensureUpperName(union, source, from);
    keepData(union, source, from, to);
  }
  const fromPlace = upperDirectory(union, from.dir);
  upperDirectory(union, to.dir);
  if (source.kind === 'directory' ? source.lowers.length > 0 : source.isCopy) markImpure(union, to.dir);
  if (source.kind !== 'directory') return;
  copyUpDirectory(union, source);
  const dirfd = union.fds.get(fromPlace);
  if (takesLowers(union, source)) redirectDirectory(union, source, dirfd, from.dir === to.dir);
  else if (mustBeOpaque(union, to)) markOpaque(union, source, dirfd, to);
}

/**
 * Keeps the data of a metacopy reachable, which is found by the place of the metacopy: marks the metacopy
 * with a redirect to it, or copies the data up.
 */
function keepData(union: Union, node: FileNode, from: Location, to: Location): void {
  if (node.data === null) return;
  const knownByThis = node.parent === from.dir && node.name === from.name;
  if (!redirectMetacopy(union, node, knownByThis && from.dir === to.dir)) ensureWhole(union, node);
}

/** Whether a directory keeps its lower parts when it moves. */
function takesLowers(union: Union, node: DirectoryNode): boolean {
  return node.lowers.length > 0 && union.dialect.redirects?.written === true;
}

/** Whether a directory must be opaque at this place, because lower directories could merge with it there. */
function mustBeOpaque(union: Union, { dir, name }: Location): boolean {
  switch (union.dialect.opaqueMarks) {
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
function markOpaque(union: Union, node: DirectoryNode, dirfd: number, { dir, name }: Location): void {
  try {
    union.writable().hiding.markOpaque(dirfd, node.name);
  } catch (error) {
    if (!isErrno(error, 'EOPNOTSUPP', 'ENOSPC', 'ERANGE')) throw error;
    // No lower name has to be hidden. The mark would only protect against lower layers that change while they
    // are not mounted.
    if (isErrno(error, 'EOPNOTSUPP') && lowerNamesIn(union, dir, name).length === 0) return;
    // An upper without such xattrs cannot keep the lower names hidden
    // (fs/overlayfs/dir.c:ovl_set_opaque_xerr).
    throw fsError(Errno.EXDEV, 'rename');
  }
}

/**
 * Brings the name `name` of a file to the upper, together with the file. The node of a file with several
 * links can be known by another name; it is known by this one afterwards.
 */
function ensureUpperName(union: Union, node: FileNode, { dir, name }: Location): void {
  const { group } = node;
  if (group !== null) union.nodes.move(node, dir, name);
  ensureUpper(union, node);
  if (group !== null && !hasUpperName(union, node, dir, name)) bringName(union, group, dir, name);
}

/** Runs `move`, which replaces the upper object `target`. The node of the target still reaches its object. */
function keepingTarget(union: Union, target: UnionNode, to: Location, toFd: number, move: () => void): void {
  if (target.kind === 'file') keepingReachable(target, to.dir, to.name, toFd, move);
  else {
    if (target.upper !== null) union.fds.pin(target.upper);
    move();
  }
}

function dropTarget(union: Union, target: UnionNode, to: Location, inUpper: boolean): void {
  if (target.kind === 'file') detachName(union, target, to.dir, to.name, inUpper);
  else {
    const { upper } = target;
    if (upper !== null && union.numbers.keepsAny) {
      // If this fails, the next object that gets the real number shows the number that is kept for this one.
      afterwards(() => {
        statFd(upper.fd, scratch);
        union.numbers.release(scratch.devMajor, scratch.devMinor, scratch.ino);
      });
    }
    detachDirectory(union, target);
  }
}

/** Updates the nodes after the point of no return: the layers have changed. */
function commit(union: Union, source: UnionNode, from: Location, to: Location): void {
  noteRemoved(union, from.dir, from.name);
  moveNode(union, source, from, to);
}

/** Updates `node`, whose object has moved from `from` to `to`. */
function moveNode(union: Union, node: UnionNode, from: Location, to: Location): void {
  noteLost(union, from.dir, node);
  const home = upperDirectory(union, to.dir);
  if (node.kind === 'directory') {
    union.nodes.move(node, to.dir, to.name);
    if (!takesLowers(union, node)) leaveLowers(union, node);
    if (node.upper !== null) {
      node.upper.parent = home;
      node.upper.name = to.name;
    }
  } else moveFileNode(union, node, from, to);
  if (union.listings.peek(to.dir) !== undefined) noteArrived(union, node, to, home);
}

function noteArrived(union: Union, node: UnionNode, to: Location, home: RealDirectory): void {
  let type = DT_DIR;
  if (node.kind === 'file') {
    try {
      statReal(union, node, scratch);
    } catch (error) {
      // The file has moved, but its type is not known. The next listing reads the directory from disk.
      if (!(error instanceof FsError)) throw error;
      union.listings.delete(to.dir);
      return;
    }
    type = direntType(scratch.mode);
  }
  noteAdded(union, to.dir, to.name, { ino: node.ino, type, home });
}

/** Removes the lower parts from a directory that has moved without them. They have no visible entries. */
function leaveLowers(union: Union, node: DirectoryNode): void {
  if (node.lowers.length === 0) return;
  for (const lower of node.lowers) union.fds.drop(lower);
  node.lowers = [];
  union.listings.delete(node);
  union.channel?.invalidateAttributes(node.id);
}

/** Updates the node of a file that has moved; not if the node is known by another name of the file. */
function moveFileNode(union: Union, node: FileNode, from: Location, to: Location): void {
  if (node.parent !== from.dir || node.name !== from.name) return;
  union.nodes.move(node, to.dir, to.name);
  if (node.group !== null) return;
  node.home = to.dir.upper;
  node.realName = to.name;
}

/**
 * Exchanges two names (RENAME_EXCHANGE). The upper keeps an object at both, so that no lower one is visible.
 */
function exchange(union: Union, source: UnionNode, from: Location, target: UnionNode, to: Location): void {
  checkMovable(union, source);
  checkMovable(union, target);
  prepare(union, source, from, to);
  prepare(union, target, to, from);
  const fromFd = union.fds.get(upperDirectory(union, from.dir));
  const toFd = union.fds.get(upperDirectory(union, to.dir));
  renameAt(fromFd, from.name, toFd, to.name, RENAME_EXCHANGE);
  noteRemoved(union, from.dir, from.name);
  noteRemoved(union, to.dir, to.name);
  moveNode(union, source, from, to);
  moveNode(union, target, to, from);
}
