/**
 * Opening a node: which real file, and which I/O mode (see `OpenFile`).
 *
 * - A read-only union reads everything past the server (passthrough): containers that share a layer share its
 *   pages.
 * - A writable union does so for files of the upper. A lower file, or lower data, is opened `cached`: it may
 *   be copied up later, and a passthrough reader would keep reading the old data. A node that is open and
 *   cached stays so until its last close, on the copy once there is one, so that every reader sees every
 *   write.
 * - A file of a writable union that has set-id bits is cached, because a write in passthrough runs with the
 *   rights of whoever registered the backing file, and ours is to keep those bits (fs/backing-file.c). For
 *   bits that are set later, what we register is registered without CAP_FSETID. Both hold for readers too: a
 *   writer shares their backing.
 */

import { updatesAccessTime } from '../../core/access-times.js';
import { Errno, fsError, isErrno } from '../../core/errno.js';
import { FileStat } from '../../core/file-stat.js';
import { O_ACCMODE, O_APPEND, O_NOATIME, O_RDONLY, O_RDWR, O_WRONLY } from '../../core/flags.js';
import type { Opened } from '../../fuse/operations.js';
import { prefetch, touchFile } from '../../sys/files/file-io.js';
import { close } from '../../sys/files/open.js';
import { statFd } from '../../sys/files/stat.js';
import { keepOwnProtection } from '../../sys/rights/own-protection.js';
import type { FileNode, OpenFile } from '../nodes/node.js';
import { closeFds, closeReadFd, replaceFds, replaceWriteFd } from '../nodes/open-fds.js';
import { PREFETCH } from '../prefetch/file-prefetch.js';
import type { Union } from '../state/union.js';
import { canPassThrough, hasChangingFlags, register, takesFlags } from './passthrough.js';
import { isAppendOnly } from './protection.js';
import { openForReading, openReal } from './real-object.js';
import { lacksData, refuseUnfollowed } from './unfollowed-data.js';

const answer = { keepCache: true, backingId: 0, direct: false };
const scratch = new FileStat();

/**
 * Opens `node`, which is in the upper if `flags` can write.
 * @param isFetched its beginning is in a page cache already
 */
export function openNode(union: Union, node: FileNode, flags: number, isFetched = false): Opened {
  const writes = (flags & O_ACCMODE) !== O_RDONLY;
  if (node.open === null) {
    if (!writes) return openFirstReader(union, node, flags, isFetched);
    const fresh = openForWriting(union, node, flags);
    orClose(fresh.fd, () => refuseUnreadable(union, node, fresh.fd));
    const opened = openFirst(union, node, fresh, flags);
    noteUnseenWriter(union, node, true);
    return opened;
  }
  if (node.open.backingId !== 0 && !takesFlags(node.open.fd, flags)) throw fsError(Errno.EINVAL, 'open');
  if (writes) fitForWriting(union, node, node.open, flags);
  if ((flags & O_ACCMODE) !== O_WRONLY) fitForReading(union, node, node.open);
  const opened = count(node, node.open, flags);
  noteUnseenWriter(union, node, writes);
  return opened;
}

function openFirstReader(union: Union, node: FileNode, flags: number, isFetched: boolean): Opened {
  const fd = openForReading(union, node, scratch);
  const { size } = scratch;
  orClose(fd, () => refuseUnreadable(union, node, fd));
  const isNew = !node.wasOpened;
  const opened = openFirst(union, node, { fd, reads: true, writable: false, appends: false }, flags);
  if (opened.backingId !== 0) return opened;
  // With O_NOATIME each READ must leave the access time alone. Pages stored here would be read without any
  // READ.
  if ((flags & O_NOATIME) !== 0) return opened;
  noteRead(union, node, fd);
  provide(union, node, fd, isNew ? size : 0, isFetched);
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
 * Who opens a file reads it. A small one is given to the kernel before our answer to OPEN: its READ would be
 * one request more, and so, at the next open, the GETATTR for an access time that FUSE drops after each READ
 * (fs/fuse/dir.c:fuse_invalidate_atime). With a larger one the disk is at work while our answer and the first
 * READ travel.
 * @param size of a file that the kernel has no pages of; else 0
 */
function provide(union: Union, node: FileNode, fd: number, size: number, isFetched: boolean): void {
  const { channel } = union.kernel;
  if (channel !== null && size > 0 && size <= channel.storeLimit) channel.storeData(node.id, fd, size);
  else if (!isFetched) prefetch(fd, 0, PREFETCH);
}

interface Fresh {
  readonly fd: number;
  readonly reads: boolean;
  readonly writable: boolean;
  readonly appends: boolean;
}

/**
 * An append-only file is written through an fd with O_APPEND: an application could remove O_APPEND from its
 * own descriptor, because the kernel's FUSE does not know of the inode flag. With real inode flags the open
 * fails without it.
 */
function openForWriting(union: Union, node: FileNode, flags: number): Fresh {
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
function openWritable(union: Union, node: FileNode, flags: number, append: number): Fresh {
  const fresh = { writable: true, appends: append !== 0 };
  try {
    return { ...fresh, fd: openReal(union, node, O_RDWR | append), reads: true };
  } catch (error) {
    if ((flags & O_ACCMODE) !== O_WRONLY || !isErrno(error, 'EACCES')) throw error;
    return { ...fresh, fd: openReal(union, node, O_WRONLY | append), reads: false };
  }
}

/**
 * Gives an open file an fd that serves one more writer, if it has none. Earlier writers keep writing where
 * they did.
 */
function fitForWriting(union: Union, node: FileNode, open: OpenFile, flags: number): void {
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
function fitForReading(union: Union, node: FileNode, open: OpenFile): void {
  if (open.readFd < 0) open.readFd = openForReading(union, node);
}

/** What opening the file anew would refuse: the fd that serves all opens is older than its inode flags. */
function checkWritable(fd: number, flags: number): void {
  statFd(fd, scratch);
  keepOwnProtection(fd, '', scratch);
  if (scratch.immutable || (scratch.appendOnly && (flags & O_APPEND) === 0)) throw fsError(Errno.EPERM, 'open');
}

/**
 * What the kernel has cached of the attributes may change without a request from now on (see
 * `changesUnseen`).
 */
function noteUnseenWriter(union: Union, node: FileNode, writes: boolean): void {
  if (writes && node.open?.writers === 1 && node.open.backingId !== 0)
    union.kernel.channel?.invalidateAttributes(node.id);
}

function orClose<T>(fd: number, use: () => T): T {
  try {
    return use();
  } catch (error) {
    close(fd);
    throw error;
  }
}

/**
 * Opens a node with an fd that there is already: of a file just made, or just copied up, so that the kernel
 * has no cached attributes of it. Takes the fd; -1: the node is open already, and has it.
 * @param mode the file's, if it is known
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
  { fd, reads, writable, appends }: Fresh,
  flags: number,
  mode?: number,
): Opened {
  // In passthrough a later opener reads through this same backing file, so the fd must be readable.
  const passes = reads && orClose(fd, () => canPassThrough(union, node, fd, flags, mode));
  const open: OpenFile = { fd, readFd: reads ? fd : -1, writable, appends, backingId: 0, opens: 0, writers: 0 };
  node.open = open;
  node.wasOpened = true;
  union.openFiles.opened();
  if (passes) open.backingId = register(union, node, fd);
  return count(node, open, flags);
}

/** Throws for `fd` of a file whose data is in another layer. */
function refuseUnreadable(union: Union, node: FileNode, fd: number): void {
  if (node.home !== null && lacksData(union, node.home.layer, fd, '')) refuseUnfollowed(union, node.name, 'open');
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

/** One open of the node has ended; with the last one its fd and its backing go. */
export function releaseOpen(union: Union, node: FileNode, flags: number): void {
  const { open } = node;
  if (open === null) return;
  open.opens--;
  if ((flags & O_ACCMODE) !== O_RDONLY) open.writers--;
  if (open.opens > 0) return;
  node.open = null;
  union.openFiles.closed();
  if (open.backingId !== 0) union.kernel.channel?.backingClose(open.backingId);
  // A file without a name is reached through this fd for as long as the kernel may ask for it.
  if (node.home === null && node.pin < 0) {
    node.pin = open.fd;
    closeReadFd(open);
  } else closeFds(open);
  union.nodes.release(node);
}

/**
 * Whoever has the file open reads and writes the copy from now on. Returns its fd, or -1 if the open file has
 * taken it.
 */
export function repoint(node: FileNode, fd: number): number {
  const { open } = node;
  if (open === null) return fd;
  replaceFds(open, fd);
  open.appends = false;
  return -1;
}
