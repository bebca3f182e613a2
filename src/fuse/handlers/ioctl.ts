/**
 * IOCTL: inode flags and project attributes (man ioctl_iflags(2), lsattr(1)), and requests of other plyfs
 * processes (`own-ioctl.ts`). The kernel also reads and sets inode flags for itself.
 */
import { Errno } from '../../core/errno.js';
import { IoctlOut } from '../wire/reply-structs.js';
import { IoctlIn } from '../wire/request-structs.js';
import type { Exchange } from './exchange.js';
import { ioctlInput } from './ioctl-input.js';
import { serveOwnIoctl } from './own-ioctl.js';

const FS_IOC_GETFLAGS = 0x80086601;
const FS_IOC_SETFLAGS = 0x40086602;
/** The same for callers whose `long` has 32 bits. */
const FS_IOC32_GETFLAGS = 0x80046601;
const FS_IOC32_SETFLAGS = 0x40046602;
const FS_IOC_FSGETXATTR = 0x801c581f;
const FS_IOC_FSSETXATTR = 0x401c5820;

/** Inode flags have 32 bits, although the numbers of the ioctls are for a `long`. */
const FLAGS_SIZE = 4;
/** sizeof(struct fsxattr) */
const FSXATTR_SIZE = 28;

export function ioctl(exchange: Exchange): number {
  const { request, reply } = exchange;
  request.expectBody(IoctlIn.sizeof);
  // The kernel's own calls (fs/fuse/ioctl.c:fuse_priv_ioctl) fail unless the reply has exactly out_size
  // bytes. For inode flags they have room for 4.
  const room = request.u32(IoctlIn.out_size);
  if (room > reply.capacity - IoctlOut.sizeof) return Errno.EINVAL;
  reply.zero(0, IoctlOut.sizeof + room);
  reply.size = IoctlOut.sizeof;
  const errno = serve(exchange, request.u32(IoctlIn.cmd), room);
  if (errno === 0) reply.size = IoctlOut.sizeof + room;
  return errno;
}

/**
 * Appends the output of `command` to the reply.
 * @param room how many bytes the caller has for it
 * @returns 0, or an errno
 */
function serve(exchange: Exchange, command: number, room: number): number {
  const { request, reply, operations } = exchange;
  const { nodeid } = request;
  switch (command) {
    case FS_IOC_GETFLAGS:
    case FS_IOC32_GETFLAGS:
      if (room < FLAGS_SIZE) return Errno.EINVAL;
      reply.appendU32(operations.getFlags(nodeid));
      return 0;
    case FS_IOC_SETFLAGS:
    case FS_IOC32_SETFLAGS: {
      const flags = ioctlInput(request, FLAGS_SIZE);
      if (flags === null) return Errno.EINVAL;
      operations.setFlags(nodeid, flags.readUInt32LE());
      return 0;
    }
    case FS_IOC_FSGETXATTR:
      if (room < FSXATTR_SIZE) return Errno.EINVAL;
      reply.appendBytes(operations.getFsxattr(nodeid));
      return 0;
    case FS_IOC_FSSETXATTR: {
      const fsxattr = ioctlInput(request, FSXATTR_SIZE);
      if (fsxattr === null) return Errno.EINVAL;
      operations.setFsxattr(nodeid, fsxattr.subarray(0, FSXATTR_SIZE));
      return 0;
    }
    default:
      return serveOwnIoctl(exchange, command, room);
  }
}
