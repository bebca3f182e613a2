/** The lines that callers write to the FIFO of requests. */
import { Socket } from 'node:net';
import { printable } from '../../server/config/mount-error.js';

export type Request =
  /** Asks whether the service takes the command line of the process. `argc` counts its arguments. */
  | { readonly kind: 'ask'; readonly pid: number; readonly argc: number }
  /** The process has read the answer `take`, and leaves the mount to the service. */
  | { readonly kind: 'go'; readonly pid: number };

/** PIPE_BUF: the kernel mixes longer texts of several writers. */
const MAX_LINE = 4096;
const SHOWN = 80;

/** The request that a line contains. Undefined: none. */
export function parseRequest(line: string): Request | undefined {
  // Not from the beginning of the line: a writer that was killed can have left a part of a line before it.
  const [, ask, argc, go] = /(?:ask (\d{1,10}) (\d{1,10})|go (\d{1,10}))$/.exec(line) ?? [];
  if (ask !== undefined && argc !== undefined) return { kind: 'ask', pid: Number(ask), argc: Number(argc) };
  return go === undefined ? undefined : { kind: 'go', pid: Number(go) };
}

/** Cuts a stream of bytes into requests, and logs what is none. */
export class RequestLines {
  /** The beginning of a line of which the end has not been read yet. */
  private rest = '';

  constructor(
    private readonly handle: (request: Request) => void,
    private readonly log: (line: string) => void,
  ) {}

  add(bytes: string): void {
    const lines = (this.rest + bytes).split('\n');
    // The end of a line is enough to refuse it.
    this.rest = (lines.pop() ?? '').slice(-(MAX_LINE + 1));
    for (const line of lines) this.handleLine(line);
  }

  private handleLine(line: string): void {
    const request = line.length > MAX_LINE ? undefined : parseRequest(line);
    if (request !== undefined) this.handle(request);
    else this.log(`serve: request: not a request: ${printable(line.slice(0, SHOWN))}`);
  }
}

/**
 * Reads requests from the FIFO until the socket is destroyed.
 * @param fd owned by the socket from now on
 */
export function readRequests(fd: number, lines: RequestLines): Socket {
  const socket = new Socket({ fd, readable: true, writable: false });
  socket.setEncoding('latin1').on('data', (bytes: string) => lines.add(bytes));
  return socket;
}
