/** Requests about attributes of a node, and of the file system. */

import type { AttributeChange, TimeChange } from '../operations.js';
import { Fattr } from '../wire/abi.js';
import type { Request } from '../wire/request.js';
import type { Exchange } from './exchange.js';

/** u32 getattr_flags, padding, u64 fh: nodes are asked, never handles. */
export function getattr({ request, reply, operations }: Exchange): number {
  reply.attributes(operations.getattr(request.nodeid));
  return 0;
}

/**
 * u32 getattr_flags, reserved, u64 fh, u32 sx_flags, sx_mask. The mask is not read: the kernel always asks
 * for all attributes (fs/fuse/dir.c:fuse_do_statx).
 */
export function statx({ request, reply, operations }: Exchange): number {
  reply.statx(operations.getattr(request.nodeid), operations.birth(request.nodeid));
  return 0;
}

/** sizeof(struct fuse_setattr_in). */
const SETATTR_IN = 88;
const MODE_BITS = 0o7777;

function timeChange(request: Request, isNow: boolean, secAt: number, nsecAt: number): TimeChange {
  return isNow ? 'now' : { sec: request.i64(secAt), nsec: request.u32(nsecAt) };
}

/** ctime (FATTR_CTIME) is only sent with a writeback cache, and cannot be set on a layer. */
export function attributeChange(request: Request): AttributeChange {
  request.expectBody(SETATTR_IN);
  const valid = request.u32(0);
  const change: AttributeChange = {};
  if (valid & Fattr.MODE) change.mode = request.u32(68) & MODE_BITS;
  if (valid & Fattr.UID) change.uid = request.u32(76);
  if (valid & Fattr.GID) change.gid = request.u32(80);
  if (valid & Fattr.SIZE) change.size = request.fileOffset(16);
  if (valid & Fattr.ATIME) change.atime = timeChange(request, (valid & Fattr.ATIME_NOW) !== 0, 32, 56);
  if (valid & Fattr.MTIME) change.mtime = timeChange(request, (valid & Fattr.MTIME_NOW) !== 0, 40, 60);
  if (valid & Fattr.KILL_SUIDGID) change.killSetId = true;
  return change;
}

export function setattr(exchange: Exchange): number {
  const { request, reply, operations } = exchange;
  reply.attributes(operations.setattr(request.nodeid, attributeChange(request), exchange.caller()));
  return 0;
}

export function readlink({ request, reply, operations }: Exchange): number {
  reply.text(operations.readlink(request.nodeid));
  return 0;
}

export function statfs({ request, reply, operations }: Exchange): number {
  reply.statfs(operations.statfs(request.nodeid));
  return 0;
}
