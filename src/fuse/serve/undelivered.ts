/**
 * Gives back what a reply granted that the kernel did not accept (write(2) returned ENOENT: the caller was
 * killed). Otherwise the file system would keep nodes and opens that the kernel never forgets and never
 * releases.
 */
import type { NodeId } from '../../core/brand.js';
import type { Exchange } from '../handlers/exchange.js';
import { aligned } from '../wire/dirent-buffer.js';
import { Dirent, Direntplus, EntryOut } from '../wire/reply-structs.js';
import { CreateIn, OpenIn } from '../wire/request-structs.js';
import type { Row } from './opcodes.js';

/** The node of the fuse_entry_out at `at` in the reply; 0: none. */
function nodeidAt({ reply }: Exchange, at: number): NodeId {
  return reply.u64(EntryOut.nodeid, at) as NodeId;
}

function forgetEntry(exchange: Exchange, at: number): void {
  const nodeid = nodeidAt(exchange, at);
  if (nodeid !== 0) exchange.operations.forget(nodeid, 1);
}

/** Forgets every entry of a READDIRPLUS. */
function forgetListed(exchange: Exchange): void {
  const { reply } = exchange;
  for (let at = 0; at < reply.size; ) {
    forgetEntry(exchange, at + Direntplus.entry_out);
    at += aligned(Direntplus.sizeof + reply.u32(Dirent.namelen, at + Direntplus.dirent));
  }
}

/** @param grants what a successful reply to the current request grants */
export function revokeGrants(exchange: Exchange, grants: Row['grants']): void {
  const { request, operations } = exchange;
  switch (grants) {
    case 'nothing':
      return;
    case 'entry':
      forgetEntry(exchange, 0);
      return;
    case 'open':
      operations.release(request.nodeid, request.u32(OpenIn.flags));
      return;
    case 'entry+open':
      operations.release(nodeidAt(exchange, 0), request.u32(CreateIn.flags));
      forgetEntry(exchange, 0);
      return;
    case 'entries':
      forgetListed(exchange);
      return;
  }
}
