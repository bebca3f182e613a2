/** Requests about names: LOOKUP, FORGET, and those that create, link, remove and rename. */
import type { NodeId } from '../../core/brand.js';
import type { Entry } from '../operations.js';
import {
  BatchForgetIn,
  ForgetIn,
  ForgetOne,
  LinkIn,
  MkdirIn,
  MknodIn,
  Rename2In,
  RenameIn,
} from '../wire/request-structs.js';
import type { Exchange } from './exchange.js';

function replyEntry(exchange: Exchange, entry: Entry): number {
  exchange.reply.appendEntry(entry);
  return 0;
}

export function lookup(exchange: Exchange): number {
  const { request, reply, operations } = exchange;
  const entry = operations.lookup(request.nodeid, request.name(0));
  if (entry === null) reply.negativeEntry();
  else reply.appendEntry(entry);
  return 0;
}

export function forget(exchange: Exchange): number {
  const { request, operations } = exchange;
  request.expectBody(ForgetIn.sizeof);
  operations.forget(request.nodeid, request.u64(ForgetIn.nlookup));
  exchange.forgotten++;
  return 0;
}

export function batchForget(exchange: Exchange): number {
  const { request, operations } = exchange;
  request.expectBody(BatchForgetIn.sizeof);
  const count = request.u32(BatchForgetIn.count);
  const end = BatchForgetIn.sizeof + count * ForgetOne.sizeof;
  request.expectBody(end);
  for (let at = BatchForgetIn.sizeof; at < end; at += ForgetOne.sizeof) {
    operations.forget(request.nodeidAt(ForgetOne.nodeid, at), request.u64(ForgetOne.nlookup, at));
  }
  exchange.forgotten += count;
  return 0;
}

export function mknod(exchange: Exchange): number {
  const { request, operations } = exchange;
  request.expectBody(MknodIn.sizeof);
  const caller = exchange.caller(request.u32(MknodIn.umask));
  const name = request.name(MknodIn.sizeof);
  const special = { mode: request.u32(MknodIn.mode), rdev: request.u32(MknodIn.rdev) };
  return replyEntry(exchange, operations.mknod(request.nodeid, name, special, caller));
}

export function mkdir(exchange: Exchange): number {
  const { request, operations } = exchange;
  request.expectBody(MkdirIn.sizeof);
  const caller = exchange.caller(request.u32(MkdirIn.umask));
  const name = request.name(MkdirIn.sizeof);
  return replyEntry(exchange, operations.mkdir(request.nodeid, name, request.u32(MkdirIn.mode), caller));
}

/** The body is the name, then the target. A symlink has no mode, so the request has no umask. */
export function symlink(exchange: Exchange): number {
  const { request, operations } = exchange;
  const name = request.name(0);
  const target = request.text(request.cursor);
  return replyEntry(exchange, operations.symlink(request.nodeid, name, target, exchange.caller()));
}

/** The header's node is the directory of the new name. */
export function link(exchange: Exchange): number {
  const { request, operations } = exchange;
  request.expectBody(LinkIn.sizeof);
  const name = request.name(LinkIn.sizeof);
  return replyEntry(exchange, operations.link(request.nodeidAt(LinkIn.oldnodeid), request.nodeid, name));
}

export function unlink({ request, operations }: Exchange): number {
  operations.unlink(request.nodeid, request.name(0));
  return 0;
}

export function rmdir({ request, operations }: Exchange): number {
  operations.rmdir(request.nodeid, request.name(0));
  return 0;
}

/** @param at where in the body the old name begins; the new name follows it */
function renameTo({ request, operations }: Exchange, newParent: NodeId, flags: number, at: number): number {
  const name = request.name(at);
  const newName = request.name(request.cursor);
  operations.rename(request.nodeid, name, newParent, newName, flags);
  return 0;
}

/** The kernel sends RENAME if there are no flags, else RENAME2. */
export function rename(exchange: Exchange): number {
  const { request } = exchange;
  request.expectBody(RenameIn.sizeof);
  return renameTo(exchange, request.nodeidAt(RenameIn.newdir), 0, RenameIn.sizeof);
}

export function rename2(exchange: Exchange): number {
  const { request } = exchange;
  request.expectBody(Rename2In.sizeof);
  const flags = request.u32(Rename2In.flags);
  return renameTo(exchange, request.nodeidAt(Rename2In.newdir), flags, Rename2In.sizeof);
}
