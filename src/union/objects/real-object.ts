/**
 * A node's real object, however it can be reached: by a directory fd and a name, by an open file, or by the
 * pinned fd of what has no name any more. One function per thing done to it, so that operations need not know
 * which.
 */
import { Errno, fsError } from '../../core/errno.js';
import { isRegular } from '../../core/file-mode.js';
import { FileStat, type Moment } from '../../core/file-stat.js';
import { O_RDONLY, O_WRONLY } from '../../core/flags.js';
import { truncate } from '../../sys/files/file-io.js';
import { readlinkAt, type TimeValue } from '../../sys/files/inode-ops.js';
import { chmodObject, chownObject, type ObjectRef, statObject, utimesObject } from '../../sys/files/object-ref.js';
import { close, openKnownAt, reopen } from '../../sys/files/open.js';
import { birthTime, statFd } from '../../sys/files/stat.js';
import type { StatOverrides } from '../../whiteout/overrides/stat-overrides.js';
import type { FileNode, OpenFile, UnionNode } from '../nodes/node.js';
import type { Union } from '../state/union.js';

/** One object for all results, because a reference is needed for nearly every request. */
const ref = { dirfd: -1, name: '' };

function refTo(dirfd: number, name: string): ObjectRef {
  ref.dirfd = dirfd;
  ref.name = name;
  return ref;
}

/** A reference to a node's top real object. It is valid until the next call of this function. */
export function refOf(union: Union, node: UnionNode): ObjectRef {
  if (node.kind === 'directory') return refTo(union.fds.get(node.top), '');
  return node.home === null ? refTo(heldFd(node), '') : refTo(union.fds.get(node.home), node.realName);
}

/** The fd of an object that has no name any more. */
export function heldFd(node: FileNode): number {
  return opensItself(node) ? (node.open as OpenFile).fd : node.pin;
}

/** Whether the node is open by the real object itself: a metacopy is open by its data, which is another's. */
export function opensItself(node: FileNode): boolean {
  return node.open !== null && node.data === null;
}

/** Where the layer of a node's top real object keeps its attributes; null: the object has them itself. */
export function overridesOf(union: Union, node: UnionNode): StatOverrides | null {
  if (node.kind === 'directory') return node.top.layer.overrides;
  return (node.isUpper ? union.stack.upper?.layer : node.home?.layer)?.overrides ?? null;
}

/** Stats the real object, as its layer has it: real inode number and link count. */
export function statReal(union: Union, node: UnionNode, into: FileStat): void {
  statOnDisk(union, node, into);
  const overrides = overridesOf(union, node);
  if (overrides === null) return;
  const { dirfd, name } = refOf(union, node);
  overrides.apply(dirfd, name, into);
}

/**
 * As {@link statReal}, without what the layer keeps beside the object: owner, mode and type as they are on
 * disk.
 */
export function statOnDisk(union: Union, node: UnionNode, into: FileStat): void {
  statObject(refForStat(union, node), into);
}

/**
 * As {@link refOf}, for a stat: by an open fd if there is one, else by the name, so that a directory that
 * nobody lists is not opened.
 */
function refForStat(union: Union, node: UnionNode): ObjectRef {
  if (node.kind === 'file') return refForChange(union, node);
  if (node.top.fd >= 0 || node.top.parent === null) return refOf(union, node);
  return refTo(union.fds.get(node.top.parent), node.top.name);
}

/**
 * As {@link refOf}, for a change: by the fd that a file is open by, if there is one, because the walk to a
 * name takes longer than most changes.
 */
function refForChange(union: Union, node: UnionNode): ObjectRef {
  return node.kind === 'file' && opensItself(node) ? refTo(heldFd(node), '') : refOf(union, node);
}

/**
 * The real object's time of birth; null: its file system has none. A copy has a time of its own
 * (fs/overlayfs/inode.c:ovl_getattr).
 */
export function birthOf(union: Union, node: UnionNode): Moment | null {
  const { dirfd, name } = refForStat(union, node);
  return birthTime(dirfd, name);
}

/** Stats a node as the union shows it. */
export function statNode(union: Union, node: UnionNode, into: FileStat): void {
  statReal(union, node, into);
  showStat(node, into);
}

/**
 * Turns a real stat into what the union shows: the number kept over a copy-up, link counts of what is merged
 * or gone.
 */
export function showStat(node: UnionNode, stat: FileStat): void {
  stat.ino = node.ino;
  if (node.kind === 'file' && node.data !== null) stat.blocks = node.data.blocksFor(stat);
  if (node.kind === 'directory') {
    // 1 says "unknown" to find(1) and fts(3), as the kernel's overlayfs does for a merged directory.
    if (node.removed) stat.nlink = 0;
    else if (node.isMerged) stat.nlink = 1;
  } else if (node.group !== null) {
    const names = node.group.names(stat.nlink);
    // At least the one that led here: names may be hidden that were not counted.
    stat.nlink = node.removed ? 0 : Math.max(1, names);
  } else if (node.removed && !node.isUpper) stat.nlink = Math.max(0, stat.nlink - 1);
}

export function chownReal(union: Union, node: UnionNode, uid: number, gid: number): void {
  const overrides = overridesOf(union, node);
  if (overrides !== null) overrides.chown(refOf(union, node), uid, gid);
  else chownObject(refForChange(union, node), uid, gid);
}

export function chmodReal(union: Union, node: UnionNode, mode: number): void {
  const overrides = overridesOf(union, node);
  if (overrides !== null) overrides.chmod(refOf(union, node), mode);
  else chmodObject(refForChange(union, node), mode);
}

export function utimesReal(union: Union, node: UnionNode, atime: TimeValue, mtime: TimeValue): void {
  utimesObject(refForChange(union, node), atime, mtime);
}

export function readlinkReal(union: Union, node: UnionNode): string {
  const { dirfd, name } = refOf(union, node);
  return readlinkAt(dirfd, name);
}

const opened = new FileStat();

/**
 * A new fd of a regular file or directory; the caller's. It need not hold the data: {@link openForReading}.
 */
export function openReal(union: Union, node: UnionNode, flags: number): number {
  const { dirfd, name } = refOf(union, node);
  const all = flags | (node.kind === 'file' ? fileFlagsOf(union, node) : node.top.layer.directoryFlags);
  return name === '' ? reopen(dirfd, all) : openByName(dirfd, name, all, opened);
}

function fileFlagsOf(union: Union, node: FileNode): number {
  return (node.home?.layer ?? union.stack.upper?.layer)?.fileFlags ?? 0;
}

function openByName(dirfd: number, name: string, flags: number, into: FileStat): number {
  const real = openKnownAt(dirfd, name, flags);
  try {
    statFd(real, into);
    if (!isRegular(into.mode)) throw fsError(Errno.ESTALE, 'open');
    return real;
  } catch (error) {
    close(real);
    throw error;
  }
}

/**
 * A new fd that a file's data can be read from; the caller's.
 * @param into takes the attributes of the file where they are needed to open it; else it has a size of 0
 */
export function openForReading(union: Union, node: FileNode, into = opened): number {
  into.size = 0;
  if (node.data !== null) return node.data.open();
  const { dirfd, name } = refOf(union, node);
  const flags = O_RDONLY | fileFlagsOf(union, node);
  return name === '' ? reopen(dirfd, flags) : openByName(dirfd, name, flags, into);
}

/** Sets the size of a file of the upper, whether it is open or not, and for whatever. */
export function truncateReal(union: Union, node: FileNode, size: number): void {
  if (node.open?.writable === true) {
    truncate(node.open.fd, size);
    return;
  }
  const fd = openReal(union, node, O_WRONLY);
  try {
    truncate(fd, size);
  } finally {
    close(fd);
  }
}
