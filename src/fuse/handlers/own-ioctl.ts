/**
 * Requests of other plyfs processes to the server, as ioctl(2) on the root: of `plyfs umount` and
 * `plyfs mount -o remount`.
 */
import { ROOT_ID } from '../../core/brand.js';
import { Errno } from '../../core/errno.js';
import { decodeRemounted, PLYFS_IS_WRITABLE, PLYFS_REMOUNTED } from '../control/remount.js';
import { PLYFS_SERVER_END } from '../control/server-end.js';
import { IOCTL_OUT_SIZE } from '../wire/abi.js';
import type { Exchange } from './exchange.js';
import { input } from './ioctl-input.js';

/** _IO('y', 'f'): a number of our own, see `requestPseudoLinkFlush`. */
export const PLYFS_FLUSH_PSEUDO_LINKS = 0x7966;

/**
 * Serves one of these requests, and writes its answer behind the struct fuse_ioctl_out.
 * @param room how many bytes the caller has for the answer
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
      const place = exchange.end.describe();
      if (room < place.length) return Errno.EINVAL;
      reply.size = IOCTL_OUT_SIZE;
      reply.bytes(place);
      return 0;
    }
    case PLYFS_IS_WRITABLE:
      if (room < 4) return Errno.EINVAL;
      reply.setU32(IOCTL_OUT_SIZE, exchange.isWritable ? 1 : 0);
      return 0;
    case PLYFS_REMOUNTED: {
      const change = decodeRemounted(input(request, 0));
      if (change === null) return Errno.EINVAL;
      const { accessTimes, readOnly } = change;
      operations.remounted({ accessTimes, syncs: readOnly && !operations.noSync }, exchange.caller());
      return 0;
    }
    default:
      return Errno.ENOTTY;
  }
}
