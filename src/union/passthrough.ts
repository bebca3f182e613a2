/**
 * Whether an open file is read and written past the server, and what is registered for that (`OpenFile.backingId`).
 */
import { Errno, FsError } from '../core/errno.js';
import { hasSetIdBits } from '../core/file-mode.js';
import { FileStat } from '../core/file-stat.js';
import { O_ACCMODE, O_APPEND, O_DIRECT, O_RDONLY, O_RDWR } from '../core/flags.js';
import { supportsDirect } from '../sys/direct-io.js';
import { hasNoWriters } from '../sys/lease.js';
import { close } from '../sys/open.js';
import { statFd } from '../sys/stat.js';
import { withoutFsetid } from '../sys/thread.js';
import type { Layer } from './layer.js';
import type { FileNode } from './node.js';
import { openReal, overridesOf } from './real-object.js';
import type { Union } from './union.js';

const scratch = new FileStat();

/**
 * The kernel opens the backing file with the flags of the application's open, and passes on what fcntl(2) adds to them later, but not
 * what it takes away (fs/fuse/passthrough.c:fuse_passthrough_open, fs/backing-file.c:BACKING_IOCB_MASK): without O_APPEND writes
 * would still go to the end, without O_DIRECT pieces of blocks would still be EINVAL. So such an open's reads and writes come here.
 */
export function hasChangingFlags(flags: number): boolean {
  return (flags & O_DIRECT) !== 0 || ((flags & O_APPEND) !== 0 && (flags & O_ACCMODE) !== O_RDONLY);
}

/**
 * sendfile(2) and splice(2) from an open that appends read through pages that FUSE keeps, as they would for no open in passthrough
 * (fs/fuse/file.c:fuse_splice_read): whoever writes must write through the same pages. With O_DIRECT they use none.
 */
function mustSharePages(flags: number): boolean {
  return (flags & (O_APPEND | O_DIRECT)) === O_APPEND && (flags & O_ACCMODE) === O_RDWR;
}

/**
 * Whether the first open of `node`, with `flags`, can be in passthrough.
 * @param mode the file's, if it is known
 */
export function canPassThrough(union: Union, node: FileNode, fd: number, flags: number, mode?: number): boolean {
  if (!union.passthrough || !takesFlags(fd, flags)) return false;
  // A mapping from before writes to the backing file only.
  if (mustSharePages(flags) && !node.mayBeMapped) return false;
  if (union.upper !== null && (!node.isUpper || node.data !== null)) return false;
  if (dataLayer(union, node)?.refusesBacking === true) return false;
  if (union.upper === null) return true;
  if (mode === undefined) {
    statFd(fd, scratch);
    overridesOf(union, node)?.apply(fd, '', scratch);
  }
  return !hasSetIdBits(mode ?? scratch.mode);
}

/** The layer that has the data of an open file. */
function dataLayer(union: Union, node: FileNode): Layer | undefined {
  return node.data?.layer ?? node.home?.layer ?? union.upper?.layer;
}

/** False: the kernel would fail to open the backing file `fd` with `flags`, and say EIO (fs/fuse/iomode.c:fuse_file_io_open). */
export function takesFlags(fd: number, flags: number): boolean {
  return (flags & O_DIRECT) === 0 || supportsDirect(fd);
}

/**
 * Whether data and times of `node` may have changed without a request since it was looked at: by a writer that has it open in passthrough,
 * or by a mapping that is left of one (fs/backing-file.c:backing_file_mmap gives it the backing file, so that RELEASE says nothing of it).
 * A mapping that has gone by now can have been there a moment ago.
 */
export function changesUnseen(union: Union, node: FileNode): boolean {
  if (isWrittenInPassthrough(node)) return true;
  if (!node.mayBeMapped) return false;
  node.mayBeMapped = node.open?.writable === true || !isFree(union, node);
  return true;
}

export function isWrittenInPassthrough({ open }: FileNode): boolean {
  return open !== null && open.backingId !== 0 && open.writers > 0;
}

function isFree(union: Union, node: FileNode): boolean {
  let fd: number;
  try {
    fd = openReal(union, node, O_RDONLY);
  } catch (error) {
    // Whatever keeps us from opening it, this is only asked to know what the kernel may cache.
    if (error instanceof FsError) return false;
    throw error;
  }
  try {
    return hasNoWriters(fd);
  } finally {
    close(fd);
  }
}

/** A backing id, or 0: the kernel would not have it, and reads and writes come as requests. */
export function register(union: Union, node: FileNode, fd: number): number {
  const { channel } = union;
  if (channel === null) return 0;
  const id = union.upper === null ? channel.backingOpen(fd) : withoutFsetid(() => channel.backingOpen(fd));
  if (id > 0) return id;
  refused(union, node, -id);
  return 0;
}

/** EPERM: not allowed in this user namespace, ever. ELOOP: this layer's file system is itself stacked too deep. */
function refused(union: Union, node: FileNode, errno: number): void {
  if (errno === Errno.EPERM) union.passthrough = false;
  const layer = dataLayer(union, node);
  if (errno === Errno.ELOOP && layer !== undefined) layer.refusesBacking = true;
}
