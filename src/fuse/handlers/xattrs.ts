/** Requests about extended attributes (man xattr(7)). */
import { ROOT_ID } from '../../core/brand.js';
import { Errno } from '../../core/errno.js';
import { SERVER_END_XATTR } from '../control/server-end.js';
import { IN_HEADER, SETXATTR_ACL_KILL_SGID } from '../wire/abi.js';
import type { Exchange } from './exchange.js';

/** u32 size, padding; name. `size` 0 asks how much room the value needs. */
export function getxattr({ request, reply, operations, end }: Exchange): number {
  request.expectBody(8);
  const room = request.u32(0);
  const name = request.text(8);
  const asksForEnd = request.nodeid === ROOT_ID && name === SERVER_END_XATTR;
  const value = asksForEnd ? end.describe() : operations.getxattr(request.nodeid, name);
  if (value === null) return Errno.ENODATA;
  if (room === 0) reply.u32Answer(value.length);
  else if (value.length > room) return Errno.ERANGE;
  else reply.bytes(value);
  return 0;
}

/** u32 size, padding. Every name is followed by a NUL. */
export function listxattr(exchange: Exchange): number {
  const { request, reply, operations } = exchange;
  request.expectBody(8);
  const room = request.u32(0);
  const names = operations.listxattr(request.nodeid, exchange.caller());
  let length = 0;
  for (const name of names) length += name.length + 1;
  if (room === 0) {
    reply.u32Answer(length);
    return 0;
  }
  if (length > room) return Errno.ERANGE;
  for (const name of names) reply.text(`${name}\0`);
  return 0;
}

/** u32 size, flags; since 7.33 also setxattr_flags, padding; name; value */
export function setxattr(exchange: Exchange): number {
  const { request, operations, setxattrExt } = exchange;
  const struct = setxattrExt ? 16 : 8;
  request.expectBody(struct);
  const size = request.u32(0);
  const killSetGid = setxattrExt && (request.u32(8) & SETXATTR_ACL_KILL_SGID) !== 0;
  const name = request.text(struct);
  const at = request.cursor;
  request.expectBody(at + size);
  const value = request.buffer.subarray(IN_HEADER + at, IN_HEADER + at + size);
  operations.setxattr(request.nodeid, name, value, request.u32(4), killSetGid);
  return 0;
}

export function removexattr({ request, operations }: Exchange): number {
  operations.removexattr(request.nodeid, request.text(0));
  return 0;
}
