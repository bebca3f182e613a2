/**
 * Takes back what a successful answer would have given, when the kernel did not take the answer (write(2)
 * said ENOENT: the caller is gone): otherwise the file system would keep nodes and opens that nobody will
 * ever release.
 */
import type { NodeId } from '../../core/brand.js';
import type { Exchange } from '../handlers/exchange.js';
import { DIRENT_NAME, ENTRY_OUT_SIZE, OUT_HEADER } from '../wire/abi.js';
import type { Row } from './opcodes.js';

function forget({ reply, operations }: Exchange, at: number): void {
  const nodeid = reply.u64(at) as NodeId;
  if (nodeid !== 0) operations.forget(nodeid, 1);
}

/** Every entry of a READDIRPLUS. */
function forgetListed(exchange: Exchange): void {
  const { reply } = exchange;
  for (let at = 0; at < reply.size; ) {
    forget(exchange, at);
    const nameLength = reply.buffer.readUInt32LE(OUT_HEADER + at + ENTRY_OUT_SIZE + 16);
    at += (ENTRY_OUT_SIZE + DIRENT_NAME + nameLength + 7) & ~7;
  }
}

export function takeBack(exchange: Exchange, grants: Row['grants']): void {
  const { request, reply, operations } = exchange;
  switch (grants) {
    case 'nothing':
      return;
    case 'entry':
      forget(exchange, 0);
      return;
    case 'open':
      operations.release(request.nodeid, request.u32(0));
      return;
    case 'entry+open':
      operations.release(reply.u64(0) as NodeId, request.u32(0));
      forget(exchange, 0);
      return;
    case 'entries':
      forgetListed(exchange);
      return;
  }
}
