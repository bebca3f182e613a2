/**
 * Rename, in four steps: check → copy up → move → commit (fs/overlayfs/dir.c:ovl_rename). A rename that the
 * checks refuse has changed nothing. A copy-up that a later failure leaves behind shows the same tree. The
 * move is one step of the dialect.
 */
import type { EntryName, NodeId } from '../../core/brand.js';
import { Errno, fsError } from '../../core/errno.js';
import { FileStat } from '../../core/file-stat.js';
import { RENAME_EXCHANGE, RENAME_NOREPLACE } from '../../core/flags.js';
import { afterwards } from '../../core/undo.js';
import { renameAt } from '../../sys/files/inode-ops.js';
import { statFd } from '../../sys/files/stat.js';
import { upperDirectory } from '../create/create-object.js';
import type { DirectoryFds } from '../layers/directory-fds.js';
import { isEmpty, removeFromListing } from '../lookup/cached-listing.js';
import { lookupNode } from '../lookup/lookup.js';
import { lowerHas } from '../lookup/lower-names.js';
import { lowersAreBare } from '../lookup/merge-directory.js';
import { detachDirectory, detachName, keepingReachable } from '../names/detach-node.js';
import { type Move, moveNode } from '../names/move-node.js';
import { prepareMove } from '../names/prepare-move.js';
import { prepareRemoval } from '../names/prepare-removal.js';
import type { Location } from '../nodes/location.js';
import type { UnionNode } from '../nodes/node.js';
import { assertRemovable, assertWhiteoutRemovable, assertWritable } from '../objects/protection.js';
import { refuseWithoutData } from '../objects/unfollowed-data.js';
import { assertNotCopying } from '../promote/promote.js';
import { hasUpperName } from '../promote/upper-names.js';
import type { Union } from '../state/union.js';
import { existingNode } from './remove.js';

const scratch = new FileStat();

/** Renames an object. @param flags 0, RENAME_NOREPLACE or RENAME_EXCHANGE */
export function rename(
  union: Union,
  parent: NodeId,
  name: EntryName,
  newParent: NodeId,
  newName: EntryName,
  flags: number,
): void {
  if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) !== 0) throw fsError(Errno.EINVAL, 'rename');
  union.stack.writable();
  const from = { dir: union.nodes.directory(parent), name };
  const to = { dir: union.nodes.directory(newParent), name: newName };
  const source = existingNode(union, from.dir, name);
  union.stack.checkNewName(newName);
  const target = lookupNode(union, to.dir, newName, scratch);
  // Both are names of one file: rename(2) changes nothing then.
  if (source === target) return;
  assertRemovable(union, from.dir, source);
  if (target === null) assertWritable(union, to.dir);
  else assertRemovable(union, to.dir, target);
  // The node of a file with several links can remain at another name, under which `children` has it.
  from.dir.isComplete = false;
  to.dir.isComplete = false;
  const move = { node: source, from, to };
  if ((flags & RENAME_EXCHANGE) !== 0) {
    if (target === null) throw fsError(Errno.ENOENT, 'rename');
    exchange(union, move, { node: target, from: to, to: from });
    return;
  }
  if (target !== null) {
    if ((flags & RENAME_NOREPLACE) !== 0) throw fsError(Errno.EEXIST, 'rename');
    checkReplaceable(union, source, target);
  }
  replace(union, move, target);
}

/**
 * Throws if `node` cannot move. The lower parts of a directory remain where they are when it moves; EXDEV
 * makes mv(1) and other programs copy it instead.
 */
function checkMovable(union: Union, node: UnionNode): void {
  if (node.kind === 'file') {
    assertNotCopying(node);
    refuseWithoutData(union, node, 'rename');
    return;
  }
  const movable = union.stack.dialect.mayMove({
    inUpper: node.upper !== null,
    inLower: node.lowers.length > 0,
    isEmpty: () => isEmpty(union, node),
    lowersAreBare: () => lowersAreBare(union.fds, node),
  });
  if (!movable) throw fsError(Errno.EXDEV, 'rename');
}

function checkReplaceable(union: Union, source: UnionNode, target: UnionNode): void {
  if (target.kind === 'file') {
    if (source.kind === 'directory') throw fsError(Errno.ENOTDIR, 'rename');
    assertNotCopying(target);
    return;
  }
  if (source.kind === 'file') throw fsError(Errno.EISDIR, 'rename');
  // EXDEV is checked first, as in the kernel (fs/overlayfs/dir.c:ovl_rename).
  checkMovable(union, source);
  if (!isEmpty(union, target)) throw fsError(Errno.ENOTEMPTY, 'rename');
}

/** Moves an object to a name that is free, or that has the object of `target`. */
function replace(union: Union, move: Move, target: UnionNode | null): void {
  const { node, from, to } = move;
  checkMovable(union, node);
  if (target !== null) prepareRemoval(union, target, to);
  prepareMove(union, move);
  const { hiding, layer } = union.stack.writable();
  const fromFd = union.fds.get(upperDirectory(union, from.dir));
  const toFd = union.fds.get(upperDirectory(union, to.dir));
  const inUpper = target !== null && hasUpperName(union.fds, target, to.dir, to.name);
  const ontoWhiteout = !inUpper && layer.reader.probe(toFd, to.name, scratch) === 'whiteout';
  if (ontoWhiteout) assertWhiteoutRemovable(union, to.dir);
  const plan = {
    from: fromFd,
    name: from.name,
    to: toFd,
    newName: to.name,
    hideSource: lowerHas(union, from.dir, from.name),
    ontoWhiteout,
    isDirectory: node.kind === 'directory',
  };
  const execute = (): void => hiding.move(plan);
  if (inUpper) keepingTarget(union.fds, target, to, toFd, execute);
  else execute();
  // The point of no return: the layers have changed. The nodes follow.
  if (target !== null) dropTarget(union, target, to, inUpper);
  removeFromListing(union.caches.listings, from.dir, from.name);
  moveNode(union, move);
}

/** Runs `move`, which replaces the upper object `target`. The node of the target still reaches its object. */
function keepingTarget(fds: DirectoryFds, target: UnionNode, to: Location, toFd: number, move: () => void): void {
  if (target.kind === 'file') keepingReachable(target, to, toFd, move);
  else {
    if (target.upper !== null) fds.pin(target.upper);
    move();
  }
}

function dropTarget(union: Union, target: UnionNode, to: Location, inUpper: boolean): void {
  if (target.kind === 'file') detachName(union, target, to, inUpper);
  else {
    const { upper } = target;
    if (upper !== null && union.identity.numbers.keepsAny) {
      // If this fails, the next object that gets the real number shows the number that is kept for this one.
      afterwards(() => {
        statFd(upper.fd, scratch);
        union.identity.numbers.release(scratch.devMajor, scratch.devMinor, scratch.ino);
      });
    }
    detachDirectory(union, target);
  }
}

/**
 * Exchanges two names (RENAME_EXCHANGE). The upper keeps an object at both, so no lower one is visible.
 */
function exchange(union: Union, first: Move, second: Move): void {
  const { from, to } = first;
  checkMovable(union, first.node);
  checkMovable(union, second.node);
  prepareMove(union, first);
  prepareMove(union, second);
  const fromFd = union.fds.get(upperDirectory(union, from.dir));
  const toFd = union.fds.get(upperDirectory(union, to.dir));
  renameAt(fromFd, from.name, toFd, to.name, RENAME_EXCHANGE);
  removeFromListing(union.caches.listings, from.dir, from.name);
  removeFromListing(union.caches.listings, to.dir, to.name);
  moveNode(union, first);
  moveNode(union, second);
}
