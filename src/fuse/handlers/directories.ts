/** Requests about open directories. */
import { Errno, FsError } from '../../core/errno.js';
import { O_NOATIME } from '../../core/flags.js';
import { FSYNC_FDATASYNC } from '../wire/abi.js';
import type { Exchange } from './exchange.js';

/** sizeof(struct fuse_open_out). */
const OPEN_OUT = 16;

/**
 * After ENOSYS (with NO_OPENDIR_SUPPORT) the kernel sends no more OPENDIR. It opens directories itself, with
 * the flags FOPEN_KEEP_CACHE | FOPEN_CACHE_DIR (fs/fuse/file.c:fuse_file_open): it caches listings and drops
 * them when the directory changes. With strictatime each listing must reach the server, so OPENDIR succeeds
 * without these flags.
 */
export function opendir({ reply, keepsListings }: Exchange): number {
  if (keepsListings) return Errno.ENOSYS;
  reply.zero(0, OPEN_OUT);
  reply.size = OPEN_OUT;
  return 0;
}

/** The body is that of READ. */
function list(exchange: Exchange, plus: boolean): number {
  const { request, listing, operations } = exchange;
  request.expectBody(40);
  listing.begin(request.u32(16), plus);
  try {
    operations.readdir(request.nodeid, request.u64(8), plus, listing, (request.u32(32) & O_NOATIME) !== 0);
  } catch (error) {
    // Entries of READDIRPLUS that were added count as lookups already, so they must reach the kernel. The
    // error is not lost: the kernel asks again from the last cookie and meets it there.
    if (!(error instanceof FsError) || listing.count === 0) throw error;
  }
  return 0;
}

export function readdir(exchange: Exchange): number {
  return list(exchange, false);
}

export function readdirplus(exchange: Exchange): number {
  return list(exchange, true);
}

/** u64 fh, u32 fsync_flags, padding */
export function fsyncdir({ request, operations }: Exchange): number {
  request.expectBody(16);
  operations.fsyncdir(request.nodeid, (request.u32(8) & FSYNC_FDATASYNC) !== 0);
  return 0;
}
