/** Requests about open directories. */
import { Errno, FsError } from '../../core/errno.js';
import { O_NOATIME } from '../../core/flags.js';
import { OpenOut } from '../wire/reply-structs.js';
import { ReadIn } from '../wire/request-structs.js';
import type { Exchange } from './exchange.js';

/**
 * After ENOSYS (with NO_OPENDIR_SUPPORT) the kernel sends no more OPENDIR. It opens directories itself, with
 * the flags FOPEN_KEEP_CACHE | FOPEN_CACHE_DIR (fs/fuse/file.c:fuse_file_open): it caches listings and drops
 * them when the directory changes. With strictatime each listing must reach the server, so OPENDIR succeeds
 * without these flags.
 */
export function opendir({ reply, cachesListings }: Exchange): number {
  if (cachesListings) return Errno.ENOSYS;
  reply.zero(0, OpenOut.sizeof);
  reply.size = OpenOut.sizeof;
  return 0;
}

function list(exchange: Exchange, plus: boolean): number {
  const { request, listing, operations } = exchange;
  request.expectBody(ReadIn.sizeof);
  listing.begin(request.u32(ReadIn.size), plus);
  const cookie = request.u64(ReadIn.offset);
  const noatime = (request.u32(ReadIn.flags) & O_NOATIME) !== 0;
  try {
    operations.readdir(request.nodeid, cookie, listing, { plus, noatime, keepsAttributes: exchange.keepsAttributes });
  } catch (error) {
    // Each entry of a READDIRPLUS counts as a lookup, so the entries that were added must reach the kernel.
    // The error is not lost: the kernel sends the next request with the last cookie, and that request fails.
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
