/** INIT: the first request of a mount, in which both sides announce what they support. */
import { Errno, fsError } from '../../core/errno.js';
import { FUSE_MAJOR, FUSE_MIN_MINOR, FUSE_MINOR, InitFlag, InitFlag2, MAX_DATA, PAGE_SIZE } from '../wire/abi.js';
import type { Reply } from '../wire/reply.js';
import { InitOut } from '../wire/reply-structs.js';
import type { Request } from '../wire/request.js';
import { InitIn } from '../wire/request-structs.js';

/**
 * The features that the server enables if the kernel offers them.
 *
 * Left out on purpose: POSIX_LOCKS and FLOCK_LOCKS (the kernel's own locks serve one machine),
 * AUTO_INVAL_DATA (only this server changes the files, and it reports each change), WRITEBACK_CACHE (excludes
 * passthrough), EXPORT_SUPPORT (a lookup of `.` by a nodeid that has been forgotten), SPLICE_* (one buffer
 * serves all requests), HANDLE_KILLPRIV (version 2 is the VFS's own rule), ABORT_ERROR (an aborted connection
 * ends like an unmounted one), SECURITY_CTX and CREATE_SUPP_GROUP (the owners of the layers decide).
 */
const WANTED =
  // Several reads of one file at a time, and direct I/O in pieces.
  InitFlag.ASYNC_READ |
  InitFlag.ASYNC_DIO |
  // OPEN has O_TRUNC, so that a lower file is copied up without its data.
  InitFlag.ATOMIC_O_TRUNC |
  // Without it a WRITE has one page.
  InitFlag.BIG_WRITES |
  InitFlag.MAX_PAGES |
  // The kernel sends the umask and does not apply it: a default ACL replaces it.
  InitFlag.DONT_MASK |
  InitFlag.POSIX_ACL |
  InitFlag.HAS_IOCTL_DIR |
  // The kernel gets the first part of a listing with lookups, and the rest too if a caller looks at the
  // entries.
  InitFlag.DO_READDIRPLUS |
  InitFlag.READDIRPLUS_AUTO |
  InitFlag.PARALLEL_DIROPS |
  InitFlag.CACHE_SYMLINKS |
  // See `opendir` in handlers/directories.ts.
  InitFlag.NO_OPENDIR_SUPPORT |
  // The kernel does not drop pages only because the size has changed.
  InitFlag.EXPLICIT_INVAL_DATA |
  // The server clears set-id bits and capabilities. This saves a GETXATTR of security.capability before each
  // write.
  InitFlag.HANDLE_KILLPRIV_V2 |
  InitFlag.SETXATTR_EXT |
  InitFlag.INIT_EXT;

/**
 * How many file systems can be below this one (fs.h FILESYSTEM_MAX_STACK_DEPTH is 2, this one included). With
 * 2, layers on an overlay could be passed through, but nothing could be stacked on this mount. With 1, an
 * overlay mounted on it works. BACKING_OPEN of a file on an overlay then fails with ELOOP, and the server
 * reads such layers itself.
 */
const MAX_STACK_DEPTH = 1;
/** How many background requests (readahead, direct I/O) the kernel sends before their callers must wait. */
const MAX_BACKGROUND = 64;
/**
 * At this number of background requests the kernel calls the device congested. The server is one thread
 * anyway.
 */
const CONGESTION_THRESHOLD = 48;
const TIME_GRANULARITY_NS = 1;

export interface Negotiated {
  readonly minor: number;
  readonly flags: number;
  readonly flags2: number;
}

interface NegotiationOptions {
  readonly passthrough: boolean;
  /** False: the kernel neither keeps ACLs nor asks for them. */
  readonly acls: boolean;
}

/** The features that both sides support. Throws EPROTO if the kernel's protocol is too old or too new. */
export function negotiate(request: Request, { passthrough, acls }: NegotiationOptions): Negotiated {
  request.expectBody(InitIn.flags2);
  const major = request.u32(InitIn.major);
  const minor = request.u32(InitIn.minor);
  if (major !== FUSE_MAJOR || minor < FUSE_MIN_MINOR) throw fsError(Errno.EPROTO, `FUSE protocol ${major}.${minor}`);
  const flags = request.u32(InitIn.flags) & (acls ? WANTED : WANTED & ~InitFlag.POSIX_ACL);
  let flags2 = 0;
  if (flags & InitFlag.INIT_EXT) {
    request.expectBody(InitIn.unused);
    const offered = request.u32(InitIn.flags2);
    // A file handle would be valid only until the kernel forgets the node, and then fail with ESTALE. So
    // there are none, as in the kernel's overlayfs without nfs_export. Handles for comparison (AT_HANDLE_FID)
    // work.
    flags2 = offered & InitFlag2.NO_EXPORT_SUPPORT;
    // Not ALLOW_IDMAP: with it the kernel names the caller only in requests that create an object. Operations
    // need to know the caller that lists xattrs or allocates blocks (fs/fuse/dev.c:fuse_get_req).
    if (passthrough) flags2 |= offered & InitFlag2.PASSTHROUGH;
  }
  return { minor: Math.min(minor, FUSE_MINOR), flags, flags2 };
}

export function replyToInit(request: Request, reply: Reply, { minor, flags, flags2 }: Negotiated): void {
  reply.zero(0, InitOut.sizeof);
  reply.setU32(InitOut.major, FUSE_MAJOR);
  reply.setU32(InitOut.minor, minor);
  reply.setU32(InitOut.max_readahead, request.u32(InitIn.max_readahead));
  reply.setU32(InitOut.flags, flags);
  reply.setU16(InitOut.max_background, MAX_BACKGROUND);
  reply.setU16(InitOut.congestion_threshold, CONGESTION_THRESHOLD);
  reply.setU32(InitOut.max_write, MAX_DATA);
  reply.setU32(InitOut.time_gran, TIME_GRANULARITY_NS);
  reply.setU16(InitOut.max_pages, MAX_DATA / PAGE_SIZE);
  reply.setU32(InitOut.flags2, flags2);
  reply.setU32(InitOut.max_stack_depth, flags2 & InitFlag2.PASSTHROUGH ? MAX_STACK_DEPTH : 0);
  reply.size = InitOut.sizeof;
}
