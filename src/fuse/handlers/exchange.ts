/**
 * The current request of a mount and its reply, for its handler. One object serves all requests of the mount,
 * one after the other.
 */
import { ServerEnd } from '../control/server-end.js';
import type { Caller, Operations } from '../operations.js';
import { DirentBuffer } from '../wire/dirent-buffer.js';
import type { MessageMemory } from '../wire/message-memory.js';
import { Reply } from '../wire/reply.js';
import { Request } from '../wire/request.js';

/** The caller of the current request. The next request reuses the object. */
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
  readonly request: Request;
  readonly reply: Reply;
  readonly listing: DirentBuffer;
  /** The kernel sends SETXATTR with its extended struct (7.33). The handshake sets it. */
  setxattrExt = false;
  /** Requests that change the tree are served, not refused with EROFS. */
  isWritable = true;
  /** The kernel caches listings of directories. */
  cachesListings = true;
  /** How many nodes the kernel has forgotten so far. */
  forgotten = 0;
  /** Owned by the session, which closes it after everything else. */
  readonly serverEnd = new ServerEnd();
  private readonly current: CurrentCaller;

  constructor(
    readonly operations: Operations,
    timeout: number,
    memory: MessageMemory,
  ) {
    this.request = new Request(memory.request);
    this.reply = new Reply(timeout, memory.reply);
    this.listing = new DirentBuffer(this.reply);
    this.current = new CurrentCaller(this.request);
  }

  /** The caller of the current request. Only requests that create an object have a umask. */
  caller(umask = 0): Caller {
    this.current.umask = umask;
    return this.current;
  }
}

/**
 * Serves one request: calls the operation and encodes its result into the reply.
 * @returns 0, or a positive errno; throws what the operation throws
 */
export type Handler = (exchange: Exchange) => number;
