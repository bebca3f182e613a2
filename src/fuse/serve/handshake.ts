/** INIT: the first request of a mount, in which both sides say what they can do. */
import { Errno, fsError } from '../../core/errno.js';
import {
  FUSE_MAJOR,
  FUSE_MIN_MINOR,
  FUSE_MINOR,
  INIT_OUT_SIZE,
  InitFlag,
  InitFlag2,
  MAX_DATA,
  PAGE_SIZE,
} from '../wire/abi.js';
import type { Reply } from '../wire/reply.js';
import type { Request } from '../wire/request.js';

/**
 * What we ask for where the kernel offers it.
 *
 * Left out on purpose: POSIX_LOCKS and FLOCK_LOCKS (the kernel's own locks serve one machine),
 * AUTO_INVAL_DATA (we are the only writer, and say what changed), WRITEBACK_CACHE (excludes passthrough),
 * EXPORT_SUPPORT (a lookup of `.` by a nodeid that has been forgotten), SPLICE_* (one buffer serves all),
 * HANDLE_KILLPRIV (version 2 is the VFS's own rule), ABORT_ERROR (an aborted connection ends as an unmounted
 * one), SECURITY_CTX and CREATE_SUPP_GROUP (layers' owners decide).
 */
const WANTED =
  // Several reads of one file at a time, and direct I/O in pieces.
  InitFlag.ASYNC_READ |
  InitFlag.ASYNC_DIO |
  // O_TRUNC comes with OPEN, so that a lower file is copied up without its data.
  InitFlag.ATOMIC_O_TRUNC |
  // Without it a WRITE carries one page.
  InitFlag.BIG_WRITES |
  InitFlag.MAX_PAGES |
  // The umask comes with the request: a default ACL takes its place.
  InitFlag.DONT_MASK |
  InitFlag.POSIX_ACL |
  InitFlag.HAS_IOCTL_DIR |
  // The first piece of a listing comes with its lookups; the kernel stops asking for them where nobody looks.
  InitFlag.DO_READDIRPLUS |
  InitFlag.READDIRPLUS_AUTO |
  InitFlag.PARALLEL_DIROPS |
  InitFlag.CACHE_SYMLINKS |
  // See OPENDIR in the table of opcodes.
  InitFlag.NO_OPENDIR_SUPPORT |
  // A changed size alone is no reason to drop pages.
  InitFlag.EXPLICIT_INVAL_DATA |
  // Set-id bits and capabilities are ours to clear: saves a GETXATTR of security.capability before each
  // write.
  InitFlag.HANDLE_KILLPRIV_V2 |
  InitFlag.SETXATTR_EXT |
  InitFlag.INIT_EXT;

/**
 * How many file systems may lie below us (fs.h FILESYSTEM_MAX_STACK_DEPTH is 2, ours included). With 2,
 * layers on an overlay could be passed through, but nothing could be stacked on us any more; with 1, an
 * overlay mounted on ours works, and BACKING_OPEN of a file on an overlay answers ELOOP: such layers are read
 * through the server.
 */
const MAX_STACK_DEPTH = 1;
/**
 * Requests in the background (readahead, direct I/O) before their callers wait; the thread serves one at a
 * time anyway.
 */
const MAX_BACKGROUND = 64;
const CONGESTION_THRESHOLD = 48;

export interface Negotiated {
  readonly minor: number;
  readonly flags: number;
  readonly flags2: number;
}

/**
 * What both sides can do. Throws EPROTO for a kernel we cannot speak with.
 * @param acls false: the kernel is not to keep ACLs, or to ask for any
 */
export function negotiate(request: Request, passthrough: boolean, acls = true): Negotiated {
  request.expectBody(16);
  const major = request.u32(0);
  const minor = request.u32(4);
  if (major !== FUSE_MAJOR || minor < FUSE_MIN_MINOR) throw fsError(Errno.EPROTO, `FUSE protocol ${major}.${minor}`);
  const flags = request.u32(12) & (acls ? WANTED : WANTED & ~InitFlag.POSIX_ACL);
  let flags2 = 0;
  if (flags & InitFlag.INIT_EXT) {
    request.expectBody(20);
    // A handle would be good only while the kernel remembers the node, and ESTALE later: none at all is what
    // the kernel's overlayfs gives without nfs_export. Handles to compare (AT_HANDLE_FID) stay.
    flags2 = request.u32(16) & InitFlag2.NO_EXPORT_SUPPORT;
    // Not ALLOW_IDMAP: with it the kernel names the caller only in requests that create something, and
    // operations need to know who lists xattrs or allocates blocks (fs/fuse/dev.c:fuse_get_req).
    if (passthrough) flags2 |= request.u32(16) & InitFlag2.PASSTHROUGH;
  }
  return { minor: Math.min(minor, FUSE_MINOR), flags, flags2 };
}

/** struct fuse_init_out. */
export function answerInit(request: Request, reply: Reply, { minor, flags, flags2 }: Negotiated): void {
  reply.zero(0, INIT_OUT_SIZE);
  reply.setU32(0, FUSE_MAJOR);
  reply.setU32(4, minor);
  reply.setU32(8, request.u32(8)); // max_readahead, as offered
  reply.setU32(12, flags);
  reply.setU32(16, MAX_BACKGROUND | (CONGESTION_THRESHOLD << 16));
  reply.setU32(20, MAX_DATA); // max_write
  reply.setU32(24, 1); // time_gran: nanoseconds
  reply.setU32(28, MAX_DATA / PAGE_SIZE); // max_pages; no map_alignment
  reply.setU32(32, flags2);
  reply.setU32(36, flags2 & InitFlag2.PASSTHROUGH ? MAX_STACK_DEPTH : 0);
  reply.size = INIT_OUT_SIZE;
}
