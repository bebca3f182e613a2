/**
 * Opens nodes: chooses the real file and the I/O mode (see `OpenFile`).
 *
 * - In a read-only union, the kernel reads all files without the server (passthrough). So containers that
 *   share a layer share its pages.
 * - In a writable union, this holds for files of the upper. A lower file, or lower data, is opened in cached
 *   mode: it can be copied up later, and a reader in passthrough would continue to read the old data. A node
 *   in cached mode remains in it until its last release, also after a copy-up, so that every reader sees
 *   every write.
 * - In a writable union, a file with set-id bits is cached. A write in passthrough has the rights of the
 *   server, which registered the backing file. With CAP_FSETID it would not clear the bits
 *   (fs/backing-file.c). Because bits can be set later, the server registers backing files without
 *   CAP_FSETID. Both hold for readers too, because a writer uses the same backing file.
 */
import { updatesAccessTime } from '../../core/access-times.js';
import { Errno, fsError, isErrno } from '../../core/errno.js';
import { FileStat } from '../../core/file-stat.js';
import { O_ACCMODE, O_APPEND, O_NOATIME, O_RDONLY, O_RDWR, O_WRONLY } from '../../core/flags.js';
import type { Opened } from '../../fuse/operations.js';
import { prefetch, touchFile } from '../../sys/files/file-io.js';
import { close } from '../../sys/files/open.js';
import { statFd } from '../../sys/files/stat.js';
import { clearForeignProtection } from '../../sys/rights/own-protection.js';
import type { FileNode } from '../nodes/node.js';
import type { OpenFile } from '../nodes/open-file.js';
import { closeFds, closeReadFd, replaceFds, replaceWriteFd } from '../nodes/open-file.js';
import { PREFETCHED_BYTES } from '../prefetch/file-prefetch.js';
import type { Kernel, Union } from '../state/union.js';
import { acceptsFlags, canPassThrough, hasChangingFlags, registerBacking } from './passthrough.js';
import { isAppendOnly } from './protection.js';
import { openForReading, openReal } from './real-object.js';
import { lacksData, refuseUnfollowed } from './unfollowed-data.js';

/** The object that all opens return. It is valid until the next open. */
const answer = { keepCache: true, backingId: 0, direct: false };
const scratch = new FileStat();

/**
 * Opens a node. The file was copied up before if `flags` permit writing.
 * @param isFetched the page cache has the beginning of the file already
 */
export function openNode(union: Union, node: FileNode, flags: number, isFetched = false): Opened {
  const writes = (flags & O_ACCMODE) !== O_RDONLY;
  if (node.open === null) {
    if (!writes) return openFirstReader(union, node, flags, isFetched);
    const opening = openForWriting(union, node, flags);
    closeOnFailure(opening.fd, () => refuseUnreadable(union, node, opening.fd));
    const opened = openFirst(union, node, opening, flags);
    noteUnseenWriter(union.kernel, node, true);
    return opened;
  }
  if (node.open.backingId !== 0 && !acceptsFlags(node.open.fd, flags)) throw fsError(Errno.EINVAL, 'open');
  if (writes) ensureWritableFd(union, node, node.open, flags);
  if ((flags & O_ACCMODE) !== O_WRONLY) ensureReadableFd(union, node, node.open);
  const opened = count(node, node.open, flags);
  noteUnseenWriter(union.kernel, node, writes);
  return opened;
}

function openFirstReader(union: Union, node: FileNode, flags: number, isFetched: boolean): Opened {
  const fd = openForReading(union, node, scratch);
  const { size } = scratch;
  closeOnFailure(fd, () => refuseUnreadable(union, node, fd));
  const isNew = !node.wasOpened;
  const opened = openFirst(union, node, { fd, reads: true, writable: false, appends: false }, flags);
  if (opened.backingId !== 0) return opened;
  // With O_NOATIME each READ must leave the access time alone. Pages stored here would be read without any
  // READ.
  if ((flags & O_NOATIME) !== 0) return opened;
  noteRead(union, node, fd);
  sendOrPrefetch(union.kernel, node, fd, isNew ? size : 0, isFetched);
  return opened;
}

/**
 * Updates the access time of an upper file that is read through the server. Opening counts as reading: for
 * pages in its cache the kernel sends no READ.
 */
function noteRead(union: Union, node: FileNode, fd: number): void {
  if (!node.isUpper || node.data !== null || union.options.accessTimes.mode === 'noatime') return;
  statFd(fd, scratch);
  if (!updatesAccessTime(union.options.accessTimes, scratch)) return;
  touchFile(fd);
  union.kernel.channel?.invalidateAttributes(node.id);
}

/**
 * Makes data available that the kernel will read next. The pages of a small file are sent to the kernel
 * before the reply to OPEN. This saves the READ request, and at the next open the GETATTR for the access
 * time, which FUSE invalidates after each READ (fs/fuse/dir.c:fuse_invalidate_atime). For a larger file, the
 * disk begins to read before the kernel has received the reply and sent its first READ.
 * @param size the size of the file if the kernel has no pages of it; else 0
 */
function sendOrPrefetch(kernel: Kernel, node: FileNode, fd: number, size: number, isFetched: boolean): void {
  const { channel } = kernel;
  if (channel !== null && size > 0 && size <= channel.storeLimit) channel.storeData(node.id, fd, size);
  else if (!isFetched) prefetch(fd, 0, PREFETCHED_BYTES);
}

/** A new fd of a file, and what it is open for. */
interface NewFd {
  readonly fd: number;
  readonly reads: boolean;
  readonly writable: boolean;
  readonly appends: boolean;
}

/**
 * Opens a file for writing, with O_APPEND if it is append-only. An application could remove O_APPEND from its
 * own descriptor, because the kernel's FUSE does not know the inode flag. With a real inode flag, an open
 * without O_APPEND fails.
 */
function openForWriting(union: Union, node: FileNode, flags: number): NewFd {
  if (isAppendOnly(union, node)) return openWritable(union, node, flags, O_APPEND);
  try {
    return openWritable(union, node, flags, 0);
  } catch (error) {
    if ((flags & O_APPEND) === 0 || !isErrno(error, 'EPERM')) throw error;
    return openWritable(union, node, flags, O_APPEND);
  }
}

/**
 * Opens a file for writing, and for reading too, because all opens of a node share its fd. A server without
 * root can lack read permission (EACCES). Then the file is opened for writing only, which is enough for a
 * caller that only writes. (A reader can still exist, from before the mode was changed.)
 * @param append O_APPEND, or 0
 */
function openWritable(union: Union, node: FileNode, flags: number, append: number): NewFd {
  const opening = { writable: true, appends: append !== 0 };
  try {
    return { ...opening, fd: openReal(union, node, O_RDWR | append), reads: true };
  } catch (error) {
    if ((flags & O_ACCMODE) !== O_WRONLY || !isErrno(error, 'EACCES')) throw error;
    return { ...opening, fd: openReal(union, node, O_WRONLY | append), reads: false };
  }
}

/**
 * Opens the file for one more writer, if the current fd does not serve that writer. The file remains
 * append-only for earlier writers.
 */
function ensureWritableFd(union: Union, node: FileNode, open: OpenFile, flags: number): void {
  const wanted = isAppendOnly(union, node);
  if (open.writable && (open.appends === wanted || (wanted && open.writers > 0))) {
    checkWritable(open.fd, flags);
    return;
  }
  const { fd, reads, appends } = openForWriting(union, node, flags);
  if (reads) replaceFds(open, fd);
  else replaceWriteFd(open, fd);
  open.appends = appends;
}

/** Opens the file for reading as well, if it is open for writing only. */
function ensureReadableFd(union: Union, node: FileNode, open: OpenFile): void {
  if (open.readFd < 0) open.readFd = openForReading(union, node);
}

/**
 * Refuses an open that the inode flags of the file forbid. They can have been set after the fd was opened
 * that serves all opens.
 * @throws FsError EPERM
 */
function checkWritable(fd: number, flags: number): void {
  statFd(fd, scratch);
  clearForeignProtection(fd, '', scratch);
  if (scratch.immutable || (scratch.appendOnly && (flags & O_APPEND) === 0)) throw fsError(Errno.EPERM, 'open');
}

/**
 * Invalidates the kernel's cached attributes at the first writer in passthrough, because they can change
 * without a request from now on (see `changesUnseen`).
 */
function noteUnseenWriter(kernel: Kernel, node: FileNode, writes: boolean): void {
  if (writes && node.open?.writers === 1 && node.open.backingId !== 0) kernel.channel?.invalidateAttributes(node.id);
}

/** Runs `use`, and closes the fd if it fails. */
function closeOnFailure<T>(fd: number, use: () => T): T {
  try {
    return use();
  } catch (error) {
    close(fd);
    throw error;
  }
}

/**
 * Opens a node with an existing fd: of a file that was just created or copied up, so the kernel has no
 * cached attributes of it.
 * @param fd the node owns it from now on; -1: the node is open and has it already
 * @param mode the file's mode, if the caller knows it
 */
export function openNew(union: Union, node: FileNode, fd: number, flags: number, mode?: number): Opened {
  if (node.open === null) {
    return openFirst(union, node, { fd, reads: true, writable: true, appends: false }, flags, mode);
  }
  if (fd >= 0) close(fd);
  return count(node, node.open, flags);
}

function openFirst(
  union: Union,
  node: FileNode,
  { fd, reads, writable, appends }: NewFd,
  flags: number,
  mode?: number,
): Opened {
  // In passthrough a later opener reads through this same backing file, so the fd must be readable.
  const passes = reads && closeOnFailure(fd, () => canPassThrough(union, node, fd, flags, mode));
  const open: OpenFile = { fd, readFd: reads ? fd : -1, writable, appends, backingId: 0, opens: 0, writers: 0 };
  node.open = open;
  node.wasOpened = true;
  union.openFiles.opened();
  if (passes) open.backingId = registerBacking(union, node, fd);
  return count(node, open, flags);
}

/** Throws EPERM if the data of the file `fd` is in another layer, and the mount does not look for it. */
function refuseUnreadable(union: Union, node: FileNode, fd: number): void {
  if (node.home !== null && lacksData(union.stack, node.home.layer, fd, '')) refuseUnfollowed(union, node.name, 'open');
}

function count(node: FileNode, open: OpenFile, flags: number): Opened {
  const writes = (flags & O_ACCMODE) !== O_RDONLY;
  open.opens++;
  if (writes) {
    open.writers++;
    if (open.backingId !== 0) {
      node.stalePages = true;
      if ((flags & O_ACCMODE) === O_RDWR) node.mayBeMapped = true;
    }
  }
  answer.backingId = open.backingId;
  answer.direct = hasChangingFlags(flags);
  answer.keepCache = open.backingId !== 0 || !node.stalePages;
  if (open.backingId === 0) node.stalePages = false;
  return answer;
}

/** Ends one open of the node. The last one closes its fd and unregisters its backing file. */
export function releaseOpen(union: Union, node: FileNode, flags: number): void {
  const { open } = node;
  if (open === null) return;
  open.opens--;
  if ((flags & O_ACCMODE) !== O_RDONLY) open.writers--;
  if (open.opens > 0) return;
  node.open = null;
  union.openFiles.closed();
  if (open.backingId !== 0) union.kernel.channel?.backingClose(open.backingId);
  // A file without a name is reached through this fd as long as the kernel can send requests for it.
  if (node.home === null && node.pinnedFd < 0) {
    node.pinnedFd = open.fd;
    closeReadFd(open);
  } else closeFds(open);
  union.nodes.release(node);
}

/**
 * Makes all opens of the node read and write its copy from now on.
 * @param fd an fd of the copy
 * @returns the fd, or -1 if the open file owns it now
 */
export function repoint(node: FileNode, fd: number): number {
  const { open } = node;
  if (open === null) return fd;
  replaceFds(open, fd);
  open.appends = false;
  return -1;
}
