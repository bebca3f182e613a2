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

/** Syncs files while the thread serves other mounts. */
export interface BackgroundSync {
  /** False: nobody waits for the thread, so it can as well wait for the disk itself. */
  readonly isNeeded: boolean;
  /**
   * Begins to sync `fd`, which can be closed then. When it is done, request `unique` gets its reply.
   * @returns false if that is not possible
   */
  start(fd: number, datasync: boolean, unique: number): boolean;
}

/** After so many seconds, in practice an inode has left the kernel's cache. */
const LONG = 86_400;

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
  /** Set when the session is added to a loop. */
  backgroundSync: BackgroundSync | null = null;
  /** How many nodes the kernel has forgotten so far. */
  forgotten = 0;
  /** Owned by the session, which closes it after everything else. */
  readonly serverEnd = new ServerEnd();
  private readonly current: CurrentCaller;

  /** The kernel keeps attributes until they are invalidated. */
  readonly keepsAttributes: boolean;

  /** @param timeout seconds for which the kernel may cache a name and its attributes */
  constructor(
    readonly operations: Operations,
    timeout: number,
    memory: MessageMemory,
  ) {
    this.request = new Request(memory.request);
    this.reply = new Reply(timeout, memory.reply);
    this.listing = new DirentBuffer(this.reply);
    this.keepsAttributes = timeout >= LONG;
    this.current = new CurrentCaller(this.request);
  }

  /** The caller of the current request. Only requests that create an object have a umask. */
  caller(umask = 0): Caller {
    this.current.umask = umask;
    return this.current;
  }
}

/** In place of an errno: the request gets its reply later. */
export const NO_REPLY_YET = -1;

/**
 * Serves one request: calls the operation and encodes its result into the reply.
 * @returns 0, a positive errno, or {@link NO_REPLY_YET}; throws what the operation throws
 */
export type Handler = (exchange: Exchange) => number;
