import type { NodeId } from '../../core/brand.js';
import { Errno, fsError } from '../../core/errno.js';
import { hasSetIdBits, isDirectory, isRegular, S_ISGID, withoutSetIdBits } from '../../core/file-mode.js';
import type { Moment } from '../../core/file-stat.js';
import type { AttributeChange, Attributes, Caller, StatFs, TimeChange } from '../../fuse/operations.js';
import { KEEP_ID, TIME_NOW, TIME_OMIT, type TimeValue } from '../../sys/files/inode-ops.js';
import { close } from '../../sys/files/open.js';
import { statFs } from '../../sys/files/stat.js';
import type { DirectoryNode, FileNode, UnionNode } from '../nodes/node.js';
import { changesUnseen, isWrittenInPassthrough } from '../objects/passthrough.js';
import { assertChangeable, assertWritable } from '../objects/protection.js';
import {
  birthOf,
  chmodReal,
  chownReal,
  showStat,
  statNode,
  statReal,
  truncateReal,
  utimesReal,
} from '../objects/real-object.js';
import { refuseWithoutData } from '../objects/unfollowed-data.js';
import { copyUp, ensureUpper } from '../promote/promote.js';
import { copyUpDirectory } from '../promote/promote-directory.js';
import type { LayerStack } from '../state/layer-stack.js';
import type { Union } from '../state/union.js';
import { isRoot, mayKeepSetGid } from './caller.js';

/**
 * Completes the shared answer with the id of `node`. The attributes of `node` are in `union.answer.attr`
 * already.
 */
export function answerFor(union: Union, node: UnionNode): Union['answer'] {
  const { answer } = union;
  answer.nodeid = node.id;
  answer.cacheAttr = node.kind === 'directory' || !changesUnseen(union, node);
  return answer;
}

/** The attributes of a node, in the shared answer. */
export function getattr(union: Union, nodeid: NodeId): Attributes {
  const node = union.nodes.get(nodeid);
  statNode(union, node, union.answer.attr);
  return answerFor(union, node);
}

/** The birth time of the real object, for statx(2); null: its file system has none. */
export function birth(union: Union, nodeid: NodeId): Moment | null {
  return birthOf(union.fds, union.nodes.get(nodeid));
}

/**
 * Applies a SETATTR, which can contain several changes. Their order matters: data first, owner before mode
 * (chown clears set-id bits), times last.
 */
export function setattr(union: Union, nodeid: NodeId, change: AttributeChange, caller: Caller): Attributes {
  const node = union.nodes.get(nodeid);
  const stat = union.answer.attr;
  checkProtection(union, node, change);
  const isNameless = isNamelessChown(union, node, change, caller);
  if (isEmpty(change) && !isNameless) {
    // Nothing is copied up for a request that changes nothing.
    const isOfWrite = node.kind === 'file' && isWrittenInPassthrough(node) && !isRoot(caller);
    if (isOfWrite) dropSetIdBits(union, node, caller);
    return getattr(union, nodeid);
  }
  if (node.kind === 'directory') prepareDirectory(union, node, change);
  else prepareFile(union, node, change, caller);
  if (change.uid !== undefined || change.gid !== undefined || isNameless) changeOwner(union, node, change, caller);
  if (change.mode !== undefined) chmodReal(union, node, change.mode & 0o7777);
  if (change.atime !== undefined || change.mtime !== undefined) {
    utimesReal(union.fds, node, timeValue(change.atime), timeValue(change.mtime));
  }
  if (node.kind === 'directory') dropKernelListing(union, node);
  statReal(union, node, stat);
  showStat(node, stat);
  return answerFor(union, node);
}

/**
 * Drops the kernel's cached listing of a directory whose attributes change. The next listing must update the
 * directory's access time (relatime), and the kernel sends no request for a cached listing.
 */
function dropKernelListing(union: Union, node: DirectoryNode): void {
  const { mode, directories } = union.options.accessTimes;
  if (mode !== 'relatime' || !directories || union.caches.listings.peek(node) === undefined) return;
  union.kernel.channel?.invalidateData(node.id);
}

/**
 * Changes the owner and the group. The upper's file system clears set-id bits by the rights of the server,
 * which has CAP_FSETID. If an ordinary user who is not in the file's group calls chown, set-gid is also
 * cleared on a file without group execute (fs/attr.c:setattr_should_drop_sgid).
 */
function changeOwner(union: Union, node: UnionNode, { uid, gid }: AttributeChange, caller: Caller): void {
  const stat = union.answer.attr;
  const drops = !isRoot(caller) && dropsSetGid(union, node, caller);
  chownReal(union, node, uid ?? KEEP_ID, gid ?? KEEP_ID);
  if (!drops) return;
  statReal(union, node, stat);
  if ((stat.mode & S_ISGID) !== 0) chmodReal(union, node, stat.mode & 0o7777 & ~S_ISGID);
}

function dropsSetGid(union: Union, node: UnionNode, caller: Caller): boolean {
  const stat = union.answer.attr;
  statReal(union, node, stat);
  return !isDirectory(stat.mode) && (stat.mode & S_ISGID) !== 0 && !mayKeepSetGid(caller, stat.uid, stat.gid);
}

/**
 * Refuses changes of an immutable or append-only object (fs/attr.c:notify_change, and fs/open.c:vfs_truncate
 * for the size).
 */
function checkProtection(union: Union, node: UnionNode, change: AttributeChange): void {
  const { mode, uid, gid, size, atime, mtime } = change;
  const touches = atime === 'now' && mtime === 'now';
  const setsTimes = !touches && (atime !== undefined || mtime !== undefined);
  if (mode !== undefined || uid !== undefined || gid !== undefined || size !== undefined || setsTimes) {
    assertChangeable(union, node);
  } else if (touches) assertWritable(union, node);
}

/**
 * Whether the request is a chown(2) that names neither an owner nor a group. Such a chown clears set-id bits
 * too, and on some file systems more (man chown(2)). The kernel sends it as a SETATTR without any change.
 *
 * The kernel sends the same empty SETATTR as a part of a write, before the WRITE
 * (fs/inode.c:file_remove_privs): for a file with capabilities, after it has removed those, and for a file
 * with set-id bits that an ordinary user writes to. The WRITE itself clears the bits. So an empty SETATTR has
 * no effect if its caller is not the owner and so cannot chmod.
 *
 * A write in passthrough clears only bits of the real file, not those that `xattr_permissions` keeps in an
 * xattr. So while a writer has the file open in passthrough, an empty SETATTR of any caller clears them.
 */
function isNamelessChown(union: Union, node: UnionNode, change: AttributeChange, caller: Caller): boolean {
  const isPartOfWrite = union.kernel.lostCapability === node;
  union.kernel.lostCapability = null;
  if (!isEmpty(change) || isPartOfWrite) return false;
  if (isRoot(caller)) return true;
  const { attr } = union.answer;
  statReal(union, node, attr);
  return caller.uid === attr.uid;
}

function isEmpty({ uid, gid, mode, size, atime, mtime }: AttributeChange): boolean {
  return [uid, gid, mode, size, atime, mtime].every((member) => member === undefined);
}

function prepareDirectory(union: Union, node: DirectoryNode, change: AttributeChange): void {
  if (change.size !== undefined) throw fsError(Errno.EISDIR, 'setattr');
  copyUpDirectory(union, node);
}

function prepareFile(union: Union, node: FileNode, change: AttributeChange, caller: Caller): void {
  if (change.size === undefined) ensureUpper(union, node);
  else setSize(union, node, change.size, change.killSetId === true ? caller : null);
}

/**
 * Sets the size of a file. A file whose data is not in the upper gets the size as a part of its copy-up,
 * which copies no more data of a lower file than that.
 */
function setSize(union: Union, node: FileNode, size: number, killSetIdFor: Caller | null): void {
  const { isUpper } = node;
  const wasWhole = isUpper && node.data === null;
  refuseWithoutData(union, node, 'truncate');
  if (isUpper && killSetIdFor !== null) dropSetIdBits(union, node, killSetIdFor);
  const fd = copyUp(union, node, size);
  if (fd >= 0) close(fd);
  if (wasWhole) truncateReal(union, node, size);
  if (!isUpper && killSetIdFor !== null) dropSetIdBits(union, node, killSetIdFor);
}

/**
 * Clears set-id bits before a caller without CAP_FSETID changes a file's content. If the change fails, the
 * bits remain cleared, as in the kernel (mm/filemap.c:generic_write_checks, fs/inode.c:file_remove_privs).
 *
 * After a write the kernel invalidates size and times, but not the mode
 * (fs/fuse/file.c:fuse_write_update_attr), and execve(2) uses the cached set-id bits. So the cached mode is
 * invalidated before the data changes.
 * @param hasFsetid finds out whether `caller` has CAP_FSETID, for a request that does not carry it
 */
export function dropSetIdBits(union: Union, node: UnionNode, caller: Caller, hasFsetid?: () => boolean): void {
  const { attr } = union.answer;
  statReal(union, node, attr);
  const { mode, uid, gid } = attr;
  if (!isRegular(mode) || !hasSetIdBits(mode) || hasFsetid?.() === true) return;
  const left = withoutSetIdBits(mode, () => mayKeepSetGid(caller, uid, gid));
  if (left === mode) return;
  chmodReal(union, node, left & 0o7777);
  union.kernel.channel?.invalidateAttributes(node.id);
}

function timeValue(time: TimeChange | undefined): TimeValue {
  if (time === undefined) return TIME_OMIT;
  return time === 'now' ? TIME_NOW : time;
}

/** The space of the upper's file system, or of the top layer's if the union is read-only. */
export function statfs(stack: LayerStack): StatFs {
  const { top } = stack;
  return { ...statFs(top.root.fd), namelen: stack.maxName };
}
