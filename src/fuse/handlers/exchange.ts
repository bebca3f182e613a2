/**
 * One request and its answer: what a handler is given. One object serves all requests, one after the other.
 */

import { ServerEnd } from '../control/server-end.js';
import type { Caller, Operations } from '../operations.js';
import { DirentBuffer } from '../wire/dirent-buffer.js';
import { Reply } from '../wire/reply.js';
import { Request } from '../wire/request.js';

/** The caller of the current request; reused for the next. */
class CurrentCaller implements Caller {
  umask = 0;
  constructor(private readonly request: Request) {}
  get uid(): number {
    return this.request.uid;
  }
  get gid(): number {
    return this.request.gid;
  }
  get pid(): number {
    return this.request.pid;
  }
}

export class Exchange {
  readonly request = new Request();
  readonly reply: Reply;
  readonly listing: DirentBuffer;
  /** SETXATTR carries its extended struct (7.33); settled by INIT. */
  setxattrExt = false;
  /** Requests that change the tree are served, not refused with EROFS. */
  isWritable = true;
  /** The kernel may answer a listing from its cache. */
  keepsListings = true;
  /** How many entries of nodes the kernel has said to forget. */
  forgotten = 0;
  /** The session closes it last. */
  readonly end = new ServerEnd();
  private readonly current: CurrentCaller;

  constructor(
    readonly operations: Operations,
    timeout: number,
  ) {
    this.reply = new Reply(timeout);
    this.listing = new DirentBuffer(this.reply);
    this.current = new CurrentCaller(this.request);
  }

  /** Who asks. Only requests that create an object carry a umask. */
  caller(umask = 0): Caller {
    this.current.umask = umask;
    return this.current;
  }
}

/**
 * Serves one request: calls the operation and encodes its answer into the reply.
 * @returns 0, or a positive errno; failures of operations are thrown
 */
export type Handler = (exchange: Exchange) => number;
