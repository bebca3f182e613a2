/** Requests about names: look up, forget, create, link, remove, rename. */
import type { NodeId } from '../../core/brand.js';
import type { Entry } from '../operations.js';
import type { Exchange } from './exchange.js';

function answerEntry(exchange: Exchange, entry: Entry): number {
  exchange.reply.entry(entry);
  return 0;
}

export function lookup(exchange: Exchange): number {
  const { request, reply, operations } = exchange;
  const entry = operations.lookup(request.nodeid, request.name(0));
  if (entry === null) reply.negativeEntry();
  else reply.entry(entry);
  return 0;
}

/** u64 nlookup */
export function forget(exchange: Exchange): number {
  const { request, operations } = exchange;
  request.expectBody(8);
  operations.forget(request.nodeid, request.u64(0));
  exchange.forgotten++;
  return 0;
}

/** u32 count, padding, then {u64 nodeid, u64 nlookup} each */
export function batchForget(exchange: Exchange): number {
  const { request, operations } = exchange;
  request.expectBody(8);
  const count = request.u32(0);
  request.expectBody(8 + count * 16);
  for (let i = 0; i < count; i++) operations.forget(request.nodeidAt(8 + i * 16), request.u64(16 + i * 16));
  exchange.forgotten += count;
  return 0;
}

/** u32 mode, rdev, umask, padding; name */
export function mknod(exchange: Exchange): number {
  const { request, operations } = exchange;
  request.expectBody(16);
  const caller = exchange.caller(request.u32(8));
  const name = request.name(16);
  return answerEntry(exchange, operations.mknod(request.nodeid, name, request.u32(0), request.u32(4), caller));
}

/** u32 mode, umask; name */
export function mkdir(exchange: Exchange): number {
  const { request, operations } = exchange;
  request.expectBody(8);
  const caller = exchange.caller(request.u32(4));
  return answerEntry(exchange, operations.mkdir(request.nodeid, request.name(8), request.u32(0), caller));
}

/** name; target. A symlink has no mode, so no umask travels. */
export function symlink(exchange: Exchange): number {
  const { request, operations } = exchange;
  const name = request.name(0);
  const target = request.text(request.cursor);
  return answerEntry(exchange, operations.symlink(request.nodeid, name, target, exchange.caller()));
}

/** u64 oldnodeid; name. The header's node is the directory. */
export function link(exchange: Exchange): number {
  const { request, operations } = exchange;
  request.expectBody(8);
  return answerEntry(exchange, operations.link(request.nodeidAt(0), request.nodeid, request.name(8)));
}

export function unlink({ request, operations }: Exchange): number {
  operations.unlink(request.nodeid, request.name(0));
  return 0;
}

export function rmdir({ request, operations }: Exchange): number {
  operations.rmdir(request.nodeid, request.name(0));
  return 0;
}

function renameTo({ request, operations }: Exchange, newParent: NodeId, flags: number, at: number): number {
  const name = request.name(at);
  const newName = request.name(request.cursor);
  operations.rename(request.nodeid, name, newParent, newName, flags);
  return 0;
}

/** u64 newdir; name; newname. What the kernel sends when there are no flags. */
export function rename(exchange: Exchange): number {
  exchange.request.expectBody(8);
  return renameTo(exchange, exchange.request.nodeidAt(0), 0, 8);
}

/** u64 newdir, u32 flags, padding; name; newname */
export function rename2(exchange: Exchange): number {
  exchange.request.expectBody(16);
  return renameTo(exchange, exchange.request.nodeidAt(0), exchange.request.u32(8), 16);
}
