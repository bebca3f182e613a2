/**
 * A node's real object, however it can be reached: by a directory fd and a name, by an open file, or by the
 * pinned fd of what has no name any more. One function per thing done to it, so that operations need not know
 * which.
 */
import { displayName } from '../../core/entry-name.js';
import { Errno, fsError } from '../../core/errno.js';
import { isRegular } from '../../core/file-mode.js';
import { FileStat, type Moment } from '../../core/file-stat.js';
import { O_RDONLY, O_WRONLY } from '../../core/flags.js';
import { truncate } from '../../sys/files/file-io.js';
import {
  chmodAt,
  chmodFd,
  chmodPathFd,
  chownAt,
  chownFd,
  readlinkAt,
  type TimeValue,
  utimesAt,
  utimesFd,
  utimesPathFd,
} from '../../sys/files/inode-ops.js';
import { close, openKnownAt, reopen } from '../../sys/files/open.js';
import { birthTime, statAt, statFd } from '../../sys/files/stat.js';
import type { StatOverrides } from '../../whiteout/overrides/stat-overrides.js';
import type { Layer } from '../layers/layer.js';
import type { FileNode, OpenFile, UnionNode } from '../nodes/node.js';
import type { Union } from '../state/union.js';

/** Directory fd and name of the object; name `''`: the fd is the object itself. */
export interface Reach {
  fd: number;
  name: string;
}

const reach: Reach = { fd: -1, name: '' };

/** How to reach a node's top real object. The result is reused by the next call. */
export function reachOf(union: Union, node: UnionNode): Reach {
  if (node.kind === 'directory') {
    reach.fd = union.fds.get(node.top);
    reach.name = '';
  } else if (node.home !== null) {
    reach.fd = union.fds.get(node.home);
    reach.name = node.realName;
  } else {
    reach.fd = heldFd(node);
    reach.name = '';
  }
  return reach;
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
  return (node.isUpper ? union.upper?.layer : node.home?.layer)?.overrides ?? null;
}

/** Stats the real object, as its layer has it: real inode number and link count. */
export function statReal(union: Union, node: UnionNode, into: FileStat): void {
  statOnDisk(union, node, into);
  const overrides = overridesOf(union, node);
  if (overrides === null) return;
  const { fd, name } = reachOf(union, node);
  overrides.apply(fd, name, into);
}

/**
 * As {@link statReal}, without what the layer keeps beside the object: owner, mode and type as they are on
 * disk.
 */
export function statOnDisk(union: Union, node: UnionNode, into: FileStat): void {
  const { fd, name } = lookAt(union, node);
  if (name === '') statFd(fd, into);
  // A name that was there and is not: somebody else changed the layer.
  else if (!statAt(fd, name, into)) throw fsError(Errno.ESTALE, 'statx');
}

/**
 * As {@link reachOf}, for a stat: an open fd if there is one, else the name, so that a directory that nobody
 * lists is not opened.
 */
function lookAt(union: Union, node: UnionNode): Reach {
  if (node.kind === 'file' && opensItself(node)) {
    reach.fd = heldFd(node);
    reach.name = '';
    return reach;
  }
  if (node.kind === 'file' || node.top.fd >= 0 || node.top.parent === null) return reachOf(union, node);
  reach.fd = union.fds.get(node.top.parent);
  reach.name = node.top.name;
  return reach;
}

/**
 * The real object's time of birth; null: its file system has none. A copy has a time of its own
 * (fs/overlayfs/inode.c:ovl_getattr).
 */
export function birthOf(union: Union, node: UnionNode): Moment | null {
  const { fd, name } = lookAt(union, node);
  return birthTime(fd, name);
}

/** Stats a node as the union shows it. */
export function statNode(union: Union, node: UnionNode, into: FileStat): void {
  statReal(union, node, into);
  showStat(node, into);
}

/**
 * Whether the data of the regular file `name` under `dirfd` (or that `dirfd` is, for `''`) is in another
 * layer, and was not looked for. Asked when the data is wanted, and not at each lookup as the kernel does it,
 * where it would cost a system call for every file that anybody looks at.
 */
export function lacksData(union: Union, layer: Layer, dirfd: number, name: string): boolean {
  return !union.seeksData && union.dialect.metacopies !== null && layer.reader.marks(dirfd, name).metacopy !== null;
}

/**
 * Throws for a file of the upper whose data is in another layer and was not looked for. What leads to that
 * data is its place, or a redirect that would have to be rewritten: at another place it would be lost for
 * good. The data cannot be cut either, and the kernel shows all of it, whatever the size. An open file has
 * been asked already.
 */
export function refuseWithoutData(union: Union, node: FileNode, call: string): void {
  if (!node.isUpper || node.open !== null) return;
  const { fd, name } = reachOf(union, node);
  if (!lacksData(union, union.writable().layer, fd, name)) return;
  union.log(`${displayName(node.name)}: its data is in another layer; not followed (metacopy=off)`);
  throw fsError(Errno.EPERM, call);
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

/**
 * The fd that a file of the upper is open by, or -1: a change through it spares the walk to the name, which
 * takes longer than most changes.
 */
function openFd(node: UnionNode): number {
  return node.kind === 'file' && opensItself(node) ? heldFd(node) : -1;
}

export function chownReal(union: Union, node: UnionNode, uid: number, gid: number): void {
  const overrides = overridesOf(union, node);
  if (overrides !== null) {
    const at = reachOf(union, node);
    overrides.chown(at.fd, at.name, uid, gid);
    return;
  }
  const own = openFd(node);
  if (own >= 0) {
    chownFd(own, uid, gid);
    return;
  }
  const { fd, name } = reachOf(union, node);
  if (name === '') chownFd(fd, uid, gid);
  else chownAt(fd, name, uid, gid);
}

export function chmodReal(union: Union, node: UnionNode, mode: number): void {
  const overrides = overridesOf(union, node);
  if (overrides !== null) {
    const at = reachOf(union, node);
    overrides.chmod(at.fd, at.name, mode);
    return;
  }
  const own = openFd(node);
  if (own >= 0) {
    chmodFd(own, mode);
    return;
  }
  const { fd, name } = reachOf(union, node);
  if (name === '') chmodPathFd(fd, mode);
  else chmodAt(fd, name, mode);
}

export function utimesReal(union: Union, node: UnionNode, atime: TimeValue, mtime: TimeValue): void {
  const own = openFd(node);
  if (own >= 0) {
    utimesFd(own, atime, mtime);
    return;
  }
  const { fd, name } = reachOf(union, node);
  if (name === '') utimesPathFd(fd, atime, mtime);
  else utimesAt(fd, name, atime, mtime);
}

export function readlinkReal(union: Union, node: UnionNode): string {
  const { fd, name } = reachOf(union, node);
  return readlinkAt(fd, name);
}

const opened = new FileStat();

/**
 * A new fd of a regular file or directory; the caller's. It need not hold the data: {@link openForReading}.
 */
export function openReal(union: Union, node: UnionNode, flags: number): number {
  const { fd, name } = reachOf(union, node);
  const all = flags | (node.kind === 'file' ? fileFlagsOf(union, node) : node.top.layer.directoryFlags);
  return name === '' ? reopen(fd, all) : openByName(fd, name, all, opened);
}

function fileFlagsOf(union: Union, node: FileNode): number {
  return (node.home?.layer ?? union.upper?.layer)?.fileFlags ?? 0;
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
  const { fd, name } = reachOf(union, node);
  const flags = O_RDONLY | fileFlagsOf(union, node);
  return name === '' ? reopen(fd, flags) : openByName(fd, name, flags, into);
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
