/**
 * The real object of a node. It is reached by a directory fd and a name, by an open file, or, if it has lost
 * its name, by a pinned fd. There is one function for each action on it, so that operations need not know
 * which of these applies.
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
import type { DirectoryFds } from '../layers/directory-fds.js';
import type { FileNode, UnionNode } from '../nodes/node.js';
import type { OpenFile } from '../nodes/open-file.js';
import type { LayerStack } from '../state/layer-stack.js';
import type { Union } from '../state/union.js';

/**
 * One object for all references, an exception to the rule that no scratch object carries a result: nearly
 * every request needs a reference, and would allocate one. The caller reads it before the next call.
 */
const ref = { dirfd: -1, name: '' };

function refTo(dirfd: number, name: string): ObjectRef {
  ref.dirfd = dirfd;
  ref.name = name;
  return ref;
}

/** A reference to a node's top real object. It is valid until the next call of any function of this file. */
export function refOf(fds: DirectoryFds, node: UnionNode): ObjectRef {
  if (node.kind === 'directory') return refTo(fds.get(node.top), '');
  return node.home === null ? refTo(heldFd(node), '') : refTo(fds.get(node.home), node.realName);
}

/** The fd of an object that is not reached by a name. */
export function heldFd(node: FileNode): number {
  return hasRealObjectOpen(node) ? (node.open as OpenFile).fd : node.pinnedFd;
}

/**
 * Whether the node's open fd is that of the real object. For a metacopy it is that of the data, another
 * object.
 */
export function hasRealObjectOpen(node: FileNode): boolean {
  return node.open !== null && node.data === null;
}

/** The xattr overrides of the layer of a node's top real object; null: attributes are the object's own. */
export function overridesOf(stack: LayerStack, node: UnionNode): StatOverrides | null {
  if (node.kind === 'directory') return node.top.layer.overrides;
  return (node.isUpper ? stack.upper?.layer : node.home?.layer)?.overrides ?? null;
}

/** Stats the real object: inode number and link count are those of its layer. */
export function statReal(union: Union, node: UnionNode, into: FileStat): void {
  statOnDisk(union.fds, node, into);
  const overrides = overridesOf(union.stack, node);
  if (overrides === null) return;
  const { dirfd, name } = refOf(union.fds, node);
  overrides.apply(dirfd, name, into);
}

/**
 * Stats the real object without its overrides: owner, mode and type are those on disk, not those in an xattr.
 */
export function statOnDisk(fds: DirectoryFds, node: UnionNode, into: FileStat): void {
  statObject(refForStat(fds, node), into);
}

/**
 * A reference for a stat: by an open fd if there is one, else by the name, so that a directory is not opened
 * only for its attributes.
 */
function refForStat(fds: DirectoryFds, node: UnionNode): ObjectRef {
  if (node.kind === 'file') return refForChange(fds, node);
  if (node.top.fd >= 0 || node.top.parent === null) return refOf(fds, node);
  return refTo(fds.get(node.top.parent), node.top.name);
}

/**
 * A reference for a change: by the open fd of a file, if there is one, because the walk to a name takes
 * longer than most changes.
 */
function refForChange(fds: DirectoryFds, node: UnionNode): ObjectRef {
  return node.kind === 'file' && hasRealObjectOpen(node) ? refTo(heldFd(node), '') : refOf(fds, node);
}

/**
 * The birth time of the real object; null: its file system has none. The birth time of a copy is that of the
 * copy-up (fs/overlayfs/inode.c:ovl_getattr).
 */
export function birthOf(fds: DirectoryFds, node: UnionNode): Moment | null {
  const { dirfd, name } = refForStat(fds, node);
  return birthTime(dirfd, name);
}

/** Stats a node as the union shows it. */
export function statNode(union: Union, node: UnionNode, into: FileStat): void {
  statReal(union, node, into);
  showStat(node, into);
}

/**
 * Turns a real stat into the one that the union shows: the inode number that a copy-up does not change, the
 * blocks of a metacopy's data, and the link counts of merged directories, groups and removed objects.
 */
export function showStat(node: UnionNode, stat: FileStat): void {
  stat.ino = node.ino;
  if (node.kind === 'file' && node.data !== null) stat.blocks = node.data.blocksFor(stat);
  if (node.kind === 'directory') {
    // For find(1) and fts(3), 1 means "unknown". The kernel's overlayfs shows it for merged directories too.
    if (node.removed) stat.nlink = 0;
    else if (node.isMerged) stat.nlink = 1;
  } else if (node.group !== null) {
    const names = node.group.countNames(stat.nlink);
    // At least 1, because the file has a name. After a kill the count can be an estimate that is too small.
    stat.nlink = node.removed ? 0 : Math.max(1, names);
  } else if (node.removed && !node.isUpper) stat.nlink = Math.max(0, stat.nlink - 1);
}

export function chownReal(union: Union, node: UnionNode, uid: number, gid: number): void {
  const overrides = overridesOf(union.stack, node);
  if (overrides !== null) overrides.chown(refOf(union.fds, node), uid, gid);
  else chownObject(refForChange(union.fds, node), uid, gid);
}

export function chmodReal(union: Union, node: UnionNode, mode: number): void {
  const overrides = overridesOf(union.stack, node);
  if (overrides !== null) overrides.chmod(refOf(union.fds, node), mode);
  else chmodObject(refForChange(union.fds, node), mode);
}

export function utimesReal(fds: DirectoryFds, node: UnionNode, atime: TimeValue, mtime: TimeValue): void {
  utimesObject(refForChange(fds, node), atime, mtime);
}

export function readlinkReal(fds: DirectoryFds, node: UnionNode): string {
  const { dirfd, name } = refOf(fds, node);
  return readlinkAt(dirfd, name);
}

const opened = new FileStat();

/**
 * Opens the real object of a regular file or a directory; the caller owns the fd. For a metacopy that is the
 * object without the data: {@link openForReading} opens the data.
 */
export function openReal(union: Union, node: UnionNode, flags: number): number {
  const { dirfd, name } = refOf(union.fds, node);
  const all = flags | (node.kind === 'file' ? fileFlagsOf(union.stack, node) : node.top.layer.directoryFlags);
  return name === '' ? reopen(dirfd, all) : openByName(dirfd, name, all, opened);
}

function fileFlagsOf(stack: LayerStack, node: FileNode): number {
  return (node.home?.layer ?? stack.upper?.layer)?.fileFlags ?? 0;
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
 * Opens the data of a file for reading; the caller owns the fd.
 * @param into receives the attributes of the file if opening it reads them; if not, it gets the size 0
 */
export function openForReading(union: Union, node: FileNode, into = opened): number {
  into.size = 0;
  if (node.data !== null) return node.data.open();
  const { dirfd, name } = refOf(union.fds, node);
  const flags = O_RDONLY | fileFlagsOf(union.stack, node);
  return name === '' ? reopen(dirfd, flags) : openByName(dirfd, name, flags, into);
}

/** Sets the size of a file of the upper, whether it is open or not. */
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
