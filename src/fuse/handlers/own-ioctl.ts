/** Requests of `plyfs umount` and `plyfs mount -o remount` to the server of a mount: ioctl(2) on the root. */
import { ROOT_ID } from '../../core/brand.js';
import { Errno } from '../../core/errno.js';
import { decodeRemounted, PLYFS_IS_WRITABLE, PLYFS_REMOUNTED } from '../control/remount.js';
import { PLYFS_SERVER_END } from '../control/server-end.js';
import type { Exchange } from './exchange.js';
import { ioctlInput } from './ioctl-input.js';

/** _IO('y', 'f'): a number that plyfs has chosen; see `requestPseudoLinkFlush`. */
export const PLYFS_FLUSH_PSEUDO_LINKS = 0x7966;

/** The size of the output of PLYFS_IS_WRITABLE: a u32. */
const WRITABLE_SIZE = 4;

/**
 * Serves one of these requests, and appends its output to the reply.
 * @param room how many bytes the caller has for the output
 * @returns 0, or an errno; ENOTTY for any other ioctl, or another node
 */
export function serveOwnIoctl(exchange: Exchange, command: number, room: number): number {
  const { request, reply, operations } = exchange;
  if (request.nodeid !== ROOT_ID) return Errno.ENOTTY;
  switch (command) {
    case PLYFS_FLUSH_PSEUDO_LINKS:
      operations.flushPseudoLinks(exchange.caller());
      return 0;
    case PLYFS_SERVER_END: {
      const location = exchange.serverEnd.encodeLocation();
      if (room < location.length) return Errno.EINVAL;
      reply.appendBytes(location);
      return 0;
    }
    case PLYFS_IS_WRITABLE:
      if (room < WRITABLE_SIZE) return Errno.EINVAL;
      reply.appendU32(exchange.isWritable ? 1 : 0);
      return 0;
    case PLYFS_REMOUNTED: {
      const change = decodeRemounted(ioctlInput(request, 0));
      if (change === null) return Errno.EINVAL;
      const { accessTimes, readOnly } = change;
      operations.remounted({ accessTimes, syncs: readOnly && !operations.noSync }, exchange.caller());
      return 0;
    }
    default:
      return Errno.ENOTTY;
  }
}
