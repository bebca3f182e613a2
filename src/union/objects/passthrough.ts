/**
 * Decides whether the kernel reads and writes an open file without the server (passthrough), and registers
 * the backing file.
 */
import { Errno, FsError } from '../../core/errno.js';
import { hasSetIdBits } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { O_ACCMODE, O_APPEND, O_DIRECT, O_RDONLY, O_RDWR } from '../../core/flags.js';
import { supportsDirect } from '../../sys/files/direct-io.js';
import { close } from '../../sys/files/open.js';
import { statFd } from '../../sys/files/stat.js';
import { hasNoWriters } from '../../sys/locks/lease.js';
import { withoutFsetid } from '../../sys/process/thread.js';
import type { Layer } from '../layers/layer.js';
import type { FileNode } from '../nodes/node.js';
import type { LayerStack } from '../state/layer-stack.js';
import type { Union } from '../state/union.js';
import { openReal, overridesOf } from './real-object.js';

const scratch = new FileStat();

/**
 * Whether an application can remove one of these flags with fcntl(2). The kernel opens the backing file with
 * the flags of the open. It applies flags that are added later, but not the removal of flags
 * (fs/fuse/passthrough.c:fuse_passthrough_open, fs/backing-file.c:BACKING_IOCB_MASK): after O_APPEND is
 * removed, writes would still append; after O_DIRECT is removed, a write of less than a block would still
 * fail with EINVAL. So the server serves reads and writes of such an open.
 */
export function hasChangingFlags(flags: number): boolean {
  return (flags & O_DIRECT) !== 0 || ((flags & O_APPEND) !== 0 && (flags & O_ACCMODE) !== O_RDONLY);
}

/**
 * Whether all opens of the file must use the pages of FUSE. sendfile(2) and splice(2) read through these
 * pages if the open appends (fs/fuse/file.c:fuse_splice_read), unlike for an open in passthrough. So writers
 * must write through them too. With O_DIRECT no pages are used.
 */
function mustSharePages(flags: number): boolean {
  return (flags & (O_APPEND | O_DIRECT)) === O_APPEND && (flags & O_ACCMODE) === O_RDWR;
}

/**
 * Whether the first open of `node`, with `flags`, can be in passthrough.
 * @param mode the file's mode, if the caller knows it
 */
export function canPassThrough(union: Union, node: FileNode, fd: number, flags: number, mode?: number): boolean {
  if (!union.kernel.passthrough || !acceptsFlags(fd, flags)) return false;
  // An earlier mapping writes to the backing file, not to the pages of FUSE: then they cannot be shared
  // anyway.
  if (mustSharePages(flags) && !node.mayBeMapped) return false;
  if (union.stack.upper !== null && (!node.isUpper || node.data !== null)) return false;
  if (dataLayer(union.stack, node)?.refusesBacking === true) return false;
  if (union.stack.upper === null) return true;
  if (mode === undefined) {
    statFd(fd, scratch);
    overridesOf(union.stack, node)?.apply(fd, '', scratch);
  }
  return !hasSetIdBits(mode ?? scratch.mode);
}

/** The layer that has the data of an open file. */
function dataLayer(stack: LayerStack, node: FileNode): Layer | undefined {
  return node.data?.layer ?? node.home?.layer ?? stack.upper?.layer;
}

/**
 * Whether the kernel can open the backing file `fd` with `flags`. If not, open(2) would fail with EIO
 * (fs/fuse/iomode.c:fuse_file_io_open).
 */
export function acceptsFlags(fd: number, flags: number): boolean {
  return (flags & O_DIRECT) === 0 || supportsDirect(fd);
}

/**
 * Whether data and times of `node` can have changed without a request since the last call: by a writer that
 * has it open in passthrough, or by a mapping that such a writer has left. A mapping can exist after RELEASE,
 * because it uses the backing file (fs/backing-file.c:backing_file_mmap). If it does not exist any more, it
 * can still have written since the last call: the result is true once more.
 */
export function changesUnseen(union: Union, node: FileNode): boolean {
  if (isWrittenInPassthrough(node)) return true;
  if (!node.mayBeMapped) return false;
  node.mayBeMapped = node.open?.writable === true || !isWithoutWriters(union, node);
  return true;
}

/** Whether an application has the file open for writing in passthrough. */
export function isWrittenInPassthrough({ open }: FileNode): boolean {
  return open !== null && open.backingId !== 0 && open.writers > 0;
}

function isWithoutWriters(union: Union, node: FileNode): boolean {
  let fd: number;
  try {
    fd = openReal(union, node, O_RDONLY);
  } catch (error) {
    // No errno matters here: the answer only decides whether the kernel can cache attributes.
    if (error instanceof FsError) return false;
    throw error;
  }
  try {
    return hasNoWriters(fd);
  } finally {
    close(fd);
  }
}

/**
 * Registers a backing file. Returns its id, or 0 if the kernel refuses it: then the kernel sends READ and
 * WRITE to the server.
 */
export function registerBacking(union: Union, node: FileNode, fd: number): number {
  const { channel } = union.kernel;
  if (channel === null) return 0;
  const id = union.stack.upper === null ? channel.backingOpen(fd) : withoutFsetid(() => channel.backingOpen(fd));
  if (id > 0) return id;
  noteRefusal(union, node, -id);
  return 0;
}

/**
 * Remembers why the kernel refused a backing file. EPERM: no passthrough in this user namespace. ELOOP: the
 * file system of this layer is stacked too deep.
 */
function noteRefusal(union: Union, node: FileNode, errno: number): void {
  if (errno === Errno.EPERM) union.kernel.passthrough = false;
  const layer = dataLayer(union.stack, node);
  if (errno === Errno.ELOOP && layer !== undefined) layer.refusesBacking = true;
}
