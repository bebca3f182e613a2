/**
 * Rename: check → copy up → move → commit (fs/overlayfs/dir.c:ovl_rename). What the checks refuse has changed
 * nothing; a copy-up that a later failure leaves behind shows the same tree; the move is one step of the
 * dialect.
 */
import type { EntryName, NodeId } from '../../core/brand.js';
import { Errno, FsError, fsError, isErrno } from '../../core/errno.js';
import { DT_DIR, direntType } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { RENAME_EXCHANGE, RENAME_NOREPLACE } from '../../core/flags.js';
import { afterwards } from '../../core/undo.js';
import { renameAt } from '../../sys/files/inode-ops.js';
import { statFd } from '../../sys/files/stat.js';
import { isHiddenUnseen, placeFor } from '../create/create-object.js';
import { lowerNamesIn } from '../create/hidden-names.js';
import type { RealDirectory } from '../layers/layer.js';
import { lookup, lowerHas } from '../lookup/lookup.js';
import { isEmpty, lowersAreBare, noteAdded, noteLost, noteRemoved } from '../lookup/merge-directory.js';
import { redirectDirectory, redirectMetacopy } from '../lookup/redirect.js';
import type { DirectoryNode, FileNode, UnionNode } from '../nodes/node.js';
import { assertRemovable, assertWhiteoutRemovable, assertWritable } from '../objects/protection.js';
import { refuseWithoutData, statReal } from '../objects/real-object.js';
import { assertFree, ensureUpper, ensureWhole } from '../promote/promote.js';
import { copyUpDirectory, markImpure } from '../promote/promote-directory.js';
import { bringName, hasUpperName } from '../promote/upper-names.js';
import type { Union } from '../state/union.js';
import { existing, forgetDirectory, forgetName, keepingReachable, prepareRemoval } from './remove.js';

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
  const source = existing(union, from.dir, name);
  union.checkNewName(newName);
  const target = lookup(union, to.dir, newName, scratch);
  // Two names of one file: rename(2) leaves both.
  if (source === target) return;
  assertRemovable(union, from.dir, source);
  if (target === null) assertWritable(union, to.dir);
  else assertRemovable(union, to.dir, target);
  // A file with several links goes on being known by the name that it has.
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
 * What a lower layer has of a directory stays behind when it moves. EXDEV makes mv(1) and the like copy
 * instead.
 */
function checkMovable(union: Union, node: UnionNode): void {
  if (node.kind === 'file') {
    assertFree(node);
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
    assertFree(target);
    return;
  }
  if (source.kind === 'file') throw fsError(Errno.EISDIR, 'rename');
  // EXDEV comes first, as in the kernel (fs/overlayfs/dir.c:ovl_rename).
  checkMovable(union, source);
  if (!isEmpty(union, target)) throw fsError(Errno.ENOTEMPTY, 'rename');
}

function replace(union: Union, source: UnionNode, from: Location, target: UnionNode | null, to: Location): void {
  checkMovable(union, source);
  if (target !== null) prepareRemoval(union, target, to.dir, to.name);
  prepare(union, source, from, to);
  const { hiding, layer } = union.writable();
  const fromFd = union.fds.get(placeFor(union, from.dir));
  const toFd = union.fds.get(placeFor(union, to.dir));
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

/** Copies up what the move needs, and closes the moved directory against lower layers of its new place. */
function prepare(union: Union, source: UnionNode, from: Location, to: Location): void {
  if (source.kind === 'file') {
    ensureName(union, source, from);
    keepData(union, source, from, to);
  }
  const fromPlace = placeFor(union, from.dir);
  placeFor(union, to.dir);
  if (source.kind === 'directory' ? source.lowers.length > 0 : source.isCopy) markImpure(union, to.dir);
  if (source.kind !== 'directory') return;
  copyUpDirectory(union, source);
  const dirfd = union.fds.get(fromPlace);
  if (takesLowers(union, source)) redirectDirectory(union, source, dirfd, from.dir === to.dir);
  else if (mustBeOpaque(union, to)) closeAgainst(union, source, dirfd, to);
}

/** What tells a metacopy's data from others' is its place, and that changes. */
function keepData(union: Union, node: FileNode, from: Location, to: Location): void {
  if (node.data === null) return;
  const knownByThis = node.parent === from.dir && node.name === from.name;
  if (!redirectMetacopy(union, node, knownByThis && from.dir === to.dir)) ensureWhole(union, node);
}

/** Whether the lower parts of a directory go on showing in it where it moves to. */
function takesLowers(union: Union, node: DirectoryNode): boolean {
  return node.lowers.length > 0 && union.dialect.redirects?.written === true;
}

/** Whether lower layers could show through a directory that moves to this place. */
function mustBeOpaque(union: Union, { dir, name }: Location): boolean {
  switch (union.dialect.opaqueMarks) {
    case 'always':
      return true;
    case 'moved':
      return dir.lowers.length > 0;
    case 'needed':
      return lowerHas(union, dir, name) || isHiddenUnseen(union, placeFor(union, dir), name);
  }
}

/**
 * Before an upper directory moves. Harmless if the move fails: nothing that shows lies below it where it is.
 */
function closeAgainst(union: Union, node: DirectoryNode, dirfd: number, { dir, name }: Location): void {
  try {
    union.writable().hiding.markOpaque(dirfd, node.name);
  } catch (error) {
    if (!isErrno(error, 'EOPNOTSUPP', 'ENOSPC', 'ERANGE')) throw error;
    // There is nothing to hide: the mark would only protect against lower layers that change while they are
    // not mounted.
    if (isErrno(error, 'EOPNOTSUPP') && lowerNamesIn(union, dir, name).length === 0) return;
    // An upper without such xattrs cannot keep the lower names hidden
    // (fs/overlayfs/dir.c:ovl_set_opaque_xerr).
    throw fsError(Errno.EXDEV, 'rename');
  }
}

/** A file is moved by the name that it is asked for, which need not be the one that it is known by. */
function ensureName(union: Union, node: FileNode, { dir, name }: Location): void {
  const { group } = node;
  if (group !== null) union.nodes.move(node, dir, name);
  ensureUpper(union, node);
  if (group !== null && !hasUpperName(union, node, dir, name)) bringName(union, group, dir, name);
}

/** Keeps an upper object that `move` replaces reachable for whoever still holds it. */
function keepingTarget(union: Union, target: UnionNode, to: Location, toFd: number, move: () => void): void {
  if (target.kind === 'file') keepingReachable(target, to.dir, to.name, toFd, move);
  else {
    if (target.upper !== null) union.fds.pin(target.upper);
    move();
  }
}

function dropTarget(union: Union, target: UnionNode, to: Location, inUpper: boolean): void {
  if (target.kind === 'file') forgetName(union, target, to.dir, to.name, inUpper);
  else {
    const { upper } = target;
    if (upper !== null && union.numbers.keepsAny) {
      // Where it fails, the next object with the real number shows the one that is kept.
      afterwards(() => {
        statFd(upper.fd, scratch);
        union.numbers.release(scratch.devMajor, scratch.devMinor, scratch.ino);
      });
    }
    forgetDirectory(union, target);
  }
}

/** Point of no return: the layers have changed, now the nodes follow. */
function commit(union: Union, source: UnionNode, from: Location, to: Location): void {
  noteRemoved(union, from.dir, from.name);
  moveNode(union, source, from, to);
}

/** `node`, found at `from` before, is at `to` now. */
function moveNode(union: Union, node: UnionNode, from: Location, to: Location): void {
  noteLost(union, from.dir, node);
  const home = placeFor(union, to.dir);
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
      // The file has moved, whatever is known of it: who wants to list it reads the directory anew.
      if (!(error instanceof FsError)) throw error;
      union.listings.delete(to.dir);
      return;
    }
    type = direntType(scratch.mode);
  }
  noteAdded(union, to.dir, to.name, { ino: node.ino, type, home });
}

/** The lower parts of a directory, in which nothing shows, stay where they are. */
function leaveLowers(union: Union, node: DirectoryNode): void {
  if (node.lowers.length === 0) return;
  for (const lower of node.lowers) union.fds.drop(lower);
  node.lowers = [];
  union.listings.delete(node);
  union.channel?.invalidateAttributes(node.id);
}

/** A file known by another of its links stays known by that. */
function moveFileNode(union: Union, node: FileNode, from: Location, to: Location): void {
  if (node.parent !== from.dir || node.name !== from.name) return;
  union.nodes.move(node, to.dir, to.name);
  if (node.group !== null) return;
  node.home = to.dir.upper;
  node.realName = to.name;
}

/** RENAME_EXCHANGE: both names stay taken in the upper, so nothing lower can show through. */
function exchange(union: Union, source: UnionNode, from: Location, target: UnionNode, to: Location): void {
  checkMovable(union, source);
  checkMovable(union, target);
  prepare(union, source, from, to);
  prepare(union, target, to, from);
  const fromFd = union.fds.get(placeFor(union, from.dir));
  const toFd = union.fds.get(placeFor(union, to.dir));
  renameAt(fromFd, from.name, toFd, to.name, RENAME_EXCHANGE);
  noteRemoved(union, from.dir, from.name);
  noteRemoved(union, to.dir, to.name);
  moveNode(union, source, from, to);
  moveNode(union, target, to, from);
}
