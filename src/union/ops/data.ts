import type { NodeId } from '../../core/brand.js';
import { Errno, fsError } from '../../core/errno.js';
import {
  FALLOC_FL_KEEP_SIZE,
  O_ACCMODE,
  O_DIRECT,
  O_DSYNC,
  O_NOATIME,
  O_RDONLY,
  O_SYNC,
  O_TRUNC,
} from '../../core/flags.js';
import type { Allocation, Caller, Opened, RangeCopy, SyncFd } from '../../fuse/operations.js';
import { preadDirect, pwriteDirect } from '../../sys/files/direct-io.js';
import {
  allocateRange,
  dataSync,
  preadInto,
  pwriteFrom,
  seek,
  sync,
  tryCopyRange,
  waitForSync,
} from '../../sys/files/file-io.js';
import { close, reopen } from '../../sys/files/open.js';
import { keepsSetIdBits } from '../../sys/rights/process-credentials.js';
import type { FileNode } from '../nodes/node.js';
import type { OpenFile } from '../nodes/open-file.js';
import { openNew, openNode, releaseOpen } from '../objects/open-node.js';
import { assertChangeable, assertMayOpen, assertWritable, isAppendOnly } from '../objects/protection.js';
import { openReal, truncateReal } from '../objects/real-object.js';
import { copyUp } from '../promote/promote.js';
import type { Union } from '../state/union.js';
import { dropSetIdBits } from './attributes.js';
import { keepingPrivileges } from './privileges.js';
import { dropCapability } from './xattrs.js';

/**
 * The most that one copy_file_range(2) copies, in bytes; it is allowed to copy less than requested. A piece
 * of this size does not delay other requests for long.
 */
const MAX_COPY = 16 << 20;

/**
 * Opens a regular file. For writing or O_TRUNC, copies it up first.
 * @param killSetIdFor the caller, if it lacks CAP_FSETID and the open truncates; else null
 */
export function open(union: Union, nodeid: NodeId, flags: number, killSetIdFor: Caller | null): Opened {
  const node = union.nodes.file(nodeid);
  if (node.open === null) union.openFiles.check();
  if ((flags & O_ACCMODE) !== O_RDONLY || (flags & O_TRUNC) !== 0) {
    return openForChange(union, node, flags, killSetIdFor);
  }
  // The kernel has pages of a file that was open before.
  const isFetched = node.wasOpened || union.caches.filePrefetch.opened(node);
  return openNode(union, node, flags, isFetched);
}

function openForChange(union: Union, node: FileNode, flags: number, killSetIdFor: Caller | null): Opened {
  assertMayOpen(union, node, flags);
  const truncates = (flags & O_TRUNC) !== 0;
  const { isUpper } = node;
  const wasWhole = isUpper && node.data === null;
  if (truncates && isUpper) dropSetIdFor(union, node, killSetIdFor);
  // O_TRUNC discards the data, so that none of it is copied.
  const fd = copyUp(union, node, truncates ? 0 : Number.POSITIVE_INFINITY);
  // If a copy was made, it is open: by `fd`, or, if the file was open already, by the fds of the node.
  const isOpened = fd >= 0 || (!wasWhole && node.open !== null);
  const opened = isOpened ? openCopy(union, node, fd, flags) : openNode(union, node, flags);
  try {
    if (truncates && wasWhole) truncateReal(union, node, 0);
    if (truncates && !isUpper) dropSetIdFor(union, node, killSetIdFor);
  } catch (error) {
    releaseOpen(union, node, flags);
    throw error;
  }
  return opened;
}

/**
 * Opens a file that was just copied up. @param fd an fd of the copy, which this takes; -1: the node has it
 */
function openCopy(union: Union, node: FileNode, fd: number, flags: number): Opened {
  if (!isAppendOnly(union, node)) return openNew(union, node, fd, flags);
  // An append-only file is open with O_APPEND, and the fds of the copy are not.
  if (fd >= 0) close(fd);
  return openNode(union, node, flags);
}

function dropSetIdFor(union: Union, node: FileNode, caller: Caller | null): void {
  if (caller !== null) dropSetIdBits(union, node, caller);
}

/** Ends one open of a file. @param flags the flags of that open */
export function release(union: Union, nodeid: NodeId, flags: number): void {
  releaseOpen(union, union.nodes.file(nodeid), flags);
}

/** The open file of a node; EBADF for a request about a file that is not open. */
function openOf(node: FileNode): OpenFile {
  if (node.open === null) throw fsError(Errno.EBADF, 'open file');
  return node.open;
}

/**
 * As {@link openOf}, for a write; the kernel has checked that the application's descriptor allows writing.
 */
function writableOf(node: FileNode): OpenFile {
  const opened = openOf(node);
  if (!opened.writable) throw fsError(Errno.EBADF, 'open file');
  return opened;
}

/**
 * Reads from an open file into `into`, from byte `at` on. Returns the number of bytes; less than `size` only
 * at the end of the file.
 * @param flags the descriptor's flags at this moment
 */
export function read(
  union: Union,
  nodeid: NodeId,
  into: Buffer,
  at: number,
  size: number,
  offset: number,
  flags: number,
): number {
  const node = union.nodes.file(nodeid);
  const { readFd, backingId } = openOf(node);
  const readBy = backingId !== 0 && (flags & O_DIRECT) !== 0 ? preadDirect : readWhole;
  // Reading never changes the access time of a lower file, or of any file of a mount with noatime: the fd was
  // opened that way.
  if ((flags & O_NOATIME) === 0 || !node.isUpper || union.options.accessTimes.mode === 'noatime') {
    return readBy(readFd, into, at, size, offset);
  }
  const noatimeFd = reopen(readFd, O_RDONLY | O_NOATIME);
  try {
    return readBy(noatimeFd, into, at, size, offset);
  } finally {
    close(noatimeFd);
  }
}

/**
 * Reads up to the end of the file, or `size` bytes: the kernel takes a short read for the end of the file.
 */
function readWhole(fd: number, into: Buffer, at: number, size: number, offset: number): number {
  let done = 0;
  while (done < size) {
    const got = preadInto(fd, into, at + done, size - done, offset + done);
    if (got === 0) break;
    done += got;
  }
  return done;
}

/**
 * Writes to an open file from `from`, from byte `at` on. Returns the number of bytes written.
 * @param killSetIdFor the caller, if it lacks CAP_FSETID; else null
 * @param flags the descriptor's flags at this moment
 */
export function write(
  union: Union,
  nodeid: NodeId,
  from: Buffer,
  at: number,
  size: number,
  offset: number,
  killSetIdFor: Caller | null,
  flags: number,
): number {
  const node = union.nodes.file(nodeid);
  const { fd, backingId } = writableOf(node);
  dropSetIdFor(union, node, killSetIdFor);
  if (backingId === 0) return pwriteFrom(fd, from, at, size, offset);
  // The file is open in passthrough, and this descriptor was opened with O_DIRECT or O_APPEND. For its writes
  // the server must do what the kernel does for others (fs/fuse/file.c:fuse_direct_write_iter).
  dropCapability(union, node);
  const isDirect = (flags & O_DIRECT) !== 0;
  const written = isDirect ? pwriteDirect(fd, from, at, size, offset) : pwriteFrom(fd, from, at, size, offset);
  if ((flags & O_SYNC) === O_SYNC) sync(fd);
  else if ((flags & O_DSYNC) !== 0) dataSync(fd);
  return written;
}

/** Writes pages that a mapping has changed. Unlike {@link write}, keeps set-id bits and capabilities. */
export function writeBack(
  union: Union,
  nodeid: NodeId,
  from: Buffer,
  at: number,
  size: number,
  offset: number,
): number {
  const node = union.nodes.file(nodeid);
  const { fd } = writableOf(node);
  return keepingPrivileges(union, node, fd, () => pwriteFrom(fd, from, at, size, offset));
}

/** Writes the data and attributes of an open file to disk. @param datasync only the data */
export function fsync(union: Union, nodeid: NodeId, datasync: boolean, syncFd: SyncFd = waitForSync): void {
  const node = union.nodes.file(nodeid);
  // A lower file has no unwritten data.
  if (!node.isUpper) return;
  const { fd } = openOf(node);
  if (node.data !== null) syncAttributes(union, node, syncFd);
  else syncFd(fd, datasync);
}

/** Syncs the attributes of a metacopy. The fd that it is open by is that of its data, in another layer. */
function syncAttributes(union: Union, node: FileNode, syncFd: SyncFd): void {
  const fd = openReal(union, node, O_RDONLY);
  try {
    syncFd(fd, false);
  } finally {
    close(fd);
  }
}

/** Writes the entries of a directory to disk. */
export function fsyncdir(union: Union, nodeid: NodeId, datasync: boolean, syncFd: SyncFd = waitForSync): void {
  const { upper } = union.nodes.directory(nodeid);
  if (upper !== null) syncFd(union.fds.get(upper), datasync);
}

/** Allocates or frees space of an open file (man fallocate(2)). */
export function fallocate(union: Union, nodeid: NodeId, { mode, offset, length }: Allocation, caller: Caller): void {
  const node = union.nodes.file(nodeid);
  if ((mode & ~FALLOC_FL_KEEP_SIZE) === 0) assertWritable(union, node);
  else assertChangeable(union, node);
  const { fd } = writableOf(node);
  dropSetIdBitsUnlessCapable(union, node, caller);
  allocateRange(fd, mode, offset, length);
}

/** As {@link dropSetIdBits}, for a request that does not carry whether the caller has CAP_FSETID. */
function dropSetIdBitsUnlessCapable(union: Union, node: FileNode, caller: Caller): void {
  dropSetIdBits(union, node, caller, () => keepsSetIdBits(caller.pid));
}

/** Finds the next data or hole of an open file (SEEK_DATA, SEEK_HOLE). */
export function lseek(union: Union, nodeid: NodeId, offset: number, whence: number): number {
  return seek(openOf(union.nodes.file(nodeid)).fd, offset, whence);
}

/** Copies between two open files inside the kernel. Returns the number of bytes copied. */
export function copyFileRange(
  union: Union,
  { from, fromOffset, to, toOffset, length }: RangeCopy,
  caller: Caller,
): number {
  const target = union.nodes.file(to);
  const source = openOf(union.nodes.file(from));
  assertWritable(union, target);
  const { fd } = writableOf(target);
  dropSetIdBitsUnlessCapable(union, target, caller);
  const copied = tryCopyRange(source.readFd, fromOffset, fd, toOffset, Math.min(length, MAX_COPY));
  if (copied < 0) throw fsError(-copied, 'copy_file_range');
  // Reading has changed the source's access time on disk, but the kernel keeps the cached one
  // (fs/fuse/file.c:__fuse_copy_file_range).
  union.kernel.channel?.invalidateAttributes(from);
  return copied;
}
