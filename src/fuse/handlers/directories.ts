/** Requests about open directories. There is no OPENDIR: see the row in the table of opcodes. */
import { FsError } from '../../core/errno.js';
import { FSYNC_FDATASYNC } from '../abi.js';
import type { Exchange } from '../exchange.js';

/** u64 fh, offset, u32 size, … */
function list(exchange: Exchange, plus: boolean): number {
  const { request, listing, operations } = exchange;
  request.expectBody(40);
  listing.begin(request.u32(16), plus);
  try {
    operations.readdir(request.nodeid, request.u64(8), plus, listing);
  } catch (error) {
    // Entries of READDIRPLUS that were added count as lookups already, so they must reach the kernel. The error is
    // not lost: the kernel asks again from the last cookie and meets it there.
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
