/**
 * IOCTL: inode flags and project attributes, which the kernel also asks for itself (man ioctl_iflags(2),
 * lsattr(1)), and requests of other plyfs processes (`own-ioctl.ts`).
 */
import { Errno } from '../../core/errno.js';
import { IOCTL_OUT_SIZE } from '../wire/abi.js';
import type { Exchange } from './exchange.js';
import { IOCTL_IN, input } from './ioctl-input.js';
import { serveOwnIoctl } from './own-ioctl.js';

const FS_IOC_GETFLAGS = 0x80086601;
const FS_IOC_SETFLAGS = 0x40086602;
/** The same for callers whose `long` has 32 bits. */
const FS_IOC32_GETFLAGS = 0x80046601;
const FS_IOC32_SETFLAGS = 0x40046602;
const FS_IOC_FSGETXATTR = 0x801c581f;
const FS_IOC_FSSETXATTR = 0x401c5820;
/** sizeof(struct fsxattr). */
const FSXATTR_SIZE = 28;

/** u64 fh, u32 flags, cmd, u64 arg, u32 in_size, out_size; input */
export function ioctl(exchange: Exchange): number {
  const { request, reply, operations } = exchange;
  request.expectBody(IOCTL_IN);
  const { nodeid } = request;
  // The kernel's own calls (fs/fuse/ioctl.c:fuse_priv_ioctl) want exactly out_size bytes, and have 4 of them
  // where the ioctl's number says 8: the flags are a 32-bit value in either case.
  const room = request.u32(28);
  if (room > reply.capacity - IOCTL_OUT_SIZE) return Errno.EINVAL;
  reply.zero(0, IOCTL_OUT_SIZE + room);
  switch (request.u32(12)) {
    case FS_IOC_GETFLAGS:
    case FS_IOC32_GETFLAGS:
      if (room < 4) return Errno.EINVAL;
      reply.setU32(IOCTL_OUT_SIZE, operations.getFlags(nodeid));
      break;
    case FS_IOC_SETFLAGS:
    case FS_IOC32_SETFLAGS: {
      const flags = input(request, 4);
      if (flags === null) return Errno.EINVAL;
      operations.setFlags(nodeid, flags.readUInt32LE(0));
      break;
    }
    case FS_IOC_FSGETXATTR:
      if (room < FSXATTR_SIZE) return Errno.EINVAL;
      reply.size = IOCTL_OUT_SIZE;
      reply.bytes(operations.getFsxattr(nodeid));
      break;
    case FS_IOC_FSSETXATTR: {
      const fsxattr = input(request, FSXATTR_SIZE);
      if (fsxattr === null) return Errno.EINVAL;
      operations.setFsxattr(nodeid, fsxattr.subarray(0, FSXATTR_SIZE));
      break;
    }
    default: {
      const errno = serveOwnIoctl(exchange, request.u32(12), room);
      if (errno !== 0) return errno;
    }
  }
  reply.size = IOCTL_OUT_SIZE + room;
  return 0;
}
