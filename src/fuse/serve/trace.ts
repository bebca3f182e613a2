/** One line per request, for `debug`. */
import { displayName } from '../../core/entry-name.js';
import { errnoName } from '../../core/errno.js';
import { ProtocolError, type Request } from '../wire/request.js';
import type { Row } from './opcodes.js';

function shownName(request: Request, row: Row): string {
  if (row.nameAt < 0) return '';
  try {
    return ` ${JSON.stringify(displayName(request.text(row.nameAt)))}`;
  } catch (error) {
    // The dispatcher refuses the request for the same reason and says so; here it has no name to show.
    if (error instanceof ProtocolError) return ' (no name)';
    throw error;
  }
}

/** `#418 LOOKUP node 5 "passwd" pid 1234`, taken before the request is served. */
export function describeRequest(request: Request, row: Row): string {
  const name = row.name === 'UNKNOWN' ? `opcode ${request.opcode}` : row.name;
  return `#${request.unique} ${name} node ${request.nodeid}${shownName(request, row)} pid ${request.pid}`;
}

/** What became of it: `144 bytes`, `ENOENT`. */
export function describeOutcome(errno: number, bytes: number): string {
  return errno === 0 ? `${bytes} bytes` : errnoName(errno);
}
