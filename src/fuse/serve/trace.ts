/** One line per request, for `debug`. */
import { displayName } from '../../core/entry-name.js';
import { errnoName } from '../../core/errno.js';
import { ProtocolError, type Request } from '../wire/request.js';
import type { Row } from './opcodes.js';

function shownName(request: Request, { nameAt }: Row): string {
  if (nameAt === null) return '';
  try {
    return ` ${JSON.stringify(displayName(request.text(nameAt)))}`;
  } catch (error) {
    // The handler refuses the request for the same reason, and the dispatcher logs it.
    if (error instanceof ProtocolError) return ' (no name)';
    throw error;
  }
}

/** The request before it is served: `#418 LOOKUP node 5 "passwd" pid 1234`. */
export function describeRequest(request: Request, row: Row): string {
  const name = row.name === 'UNKNOWN' ? `opcode ${request.opcode}` : row.name;
  return `#${request.unique} ${name} node ${request.nodeid}${shownName(request, row)} pid ${request.pid}`;
}

/** The result: `144 bytes`, `ENOENT`. */
export function describeOutcome(errno: number, bytes: number): string {
  return errno === 0 ? `${bytes} bytes` : errnoName(errno);
}
