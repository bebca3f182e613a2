/** Requests about the attributes of a node, and about the file system. */
import type { AttributeChange, TimeChange } from '../operations.js';
import { Fattr } from '../wire/abi.js';
import type { Request } from '../wire/request.js';
import { SetattrIn } from '../wire/request-structs.js';
import type { Offset } from '../wire/struct.js';
import type { Exchange } from './exchange.js';

/** The body is not read: it names an open file, and all opens of a node have the node's attributes. */
export function getattr({ request, reply, operations }: Exchange): number {
  reply.attributes(operations.getattr(request.nodeid));
  return 0;
}

/** The body is not read: its mask always asks for all attributes (fs/fuse/dir.c:fuse_do_statx). */
export function statx({ request, reply, operations }: Exchange): number {
  reply.statx(operations.getattr(request.nodeid), operations.birth(request.nodeid));
  return 0;
}

const MODE_BITS = 0o7777;

function timeOf(request: Request, isNow: boolean, sec: Offset<'i64'>, nsec: Offset<'u32'>): TimeChange {
  return isNow ? 'now' : { sec: request.i64(sec), nsec: request.u32(nsec) };
}

/**
 * Ignores ctime (FATTR_CTIME): no system call can set the ctime of a file in a layer, and the kernel sends it
 * only with a writeback cache.
 */
function attributeChange(request: Request): AttributeChange {
  request.expectBody(SetattrIn.sizeof);
  const valid = request.u32(SetattrIn.valid);
  const change: AttributeChange = {};
  if (valid & Fattr.MODE) change.mode = request.u32(SetattrIn.mode) & MODE_BITS;
  if (valid & Fattr.UID) change.uid = request.u32(SetattrIn.uid);
  if (valid & Fattr.GID) change.gid = request.u32(SetattrIn.gid);
  if (valid & Fattr.SIZE) change.size = request.fileOffset(SetattrIn.size);
  if (valid & Fattr.ATIME) {
    change.atime = timeOf(request, (valid & Fattr.ATIME_NOW) !== 0, SetattrIn.atime, SetattrIn.atimensec);
  }
  if (valid & Fattr.MTIME) {
    change.mtime = timeOf(request, (valid & Fattr.MTIME_NOW) !== 0, SetattrIn.mtime, SetattrIn.mtimensec);
  }
  if (valid & Fattr.KILL_SUIDGID) change.killSetId = true;
  return change;
}

export function setattr(exchange: Exchange): number {
  const { request, reply, operations } = exchange;
  reply.attributes(operations.setattr(request.nodeid, attributeChange(request), exchange.caller()));
  return 0;
}

export function readlink({ request, reply, operations }: Exchange): number {
  reply.appendText(operations.readlink(request.nodeid));
  return 0;
}

export function statfs({ request, reply, operations }: Exchange): number {
  reply.statfs(operations.statfs(request.nodeid));
  return 0;
}
