/** Requests about extended attributes (man xattr(7)). */
import { ROOT_ID } from '../../core/brand.js';
import { Errno } from '../../core/errno.js';
import { SERVER_END_XATTR } from '../control/server-end.js';
import { SETXATTR_ACL_KILL_SGID } from '../wire/abi.js';
import { GetxattrIn, SetxattrIn } from '../wire/request-structs.js';
import type { Exchange } from './exchange.js';

/** With size 0 the caller asks how many bytes the value has. */
export function getxattr({ request, reply, operations, serverEnd }: Exchange): number {
  request.expectBody(GetxattrIn.sizeof);
  const room = request.u32(GetxattrIn.size);
  const name = request.text(GetxattrIn.sizeof);
  const asksForServerEnd = request.nodeid === ROOT_ID && name === SERVER_END_XATTR;
  const value = asksForServerEnd ? serverEnd.encodeLocation() : operations.getxattr(request.nodeid, name);
  if (value === null) return Errno.ENODATA;
  if (room === 0) reply.xattrSize(value.length);
  else if (value.length > room) return Errno.ERANGE;
  else reply.appendBytes(value);
  return 0;
}

/** In the list each name is followed by a NUL. With size 0 the caller asks how many bytes the list has. */
export function listxattr(exchange: Exchange): number {
  const { request, reply, operations } = exchange;
  request.expectBody(GetxattrIn.sizeof);
  const room = request.u32(GetxattrIn.size);
  const names = operations.listxattr(request.nodeid, exchange.caller());
  let length = 0;
  for (const name of names) length += name.length + 1;
  if (room === 0) {
    reply.xattrSize(length);
    return 0;
  }
  if (length > room) return Errno.ERANGE;
  for (const name of names) reply.appendText(`${name}\0`);
  return 0;
}

/** The name and the value follow the struct, whose second half the kernel sends only with SETXATTR_EXT. */
export function setxattr(exchange: Exchange): number {
  const { request, operations, setxattrExt } = exchange;
  const nameAt = setxattrExt ? SetxattrIn.sizeof : SetxattrIn.setxattr_flags;
  request.expectBody(nameAt);
  const killSetGid = setxattrExt && (request.u32(SetxattrIn.setxattr_flags) & SETXATTR_ACL_KILL_SGID) !== 0;
  const name = request.text(nameAt);
  const value = request.bytes(request.cursor, request.u32(SetxattrIn.size));
  operations.setxattr(request.nodeid, name, value, { flags: request.u32(SetxattrIn.flags), killSetGid });
  return 0;
}

export function removexattr({ request, operations }: Exchange): number {
  operations.removexattr(request.nodeid, request.text(0));
  return 0;
}
