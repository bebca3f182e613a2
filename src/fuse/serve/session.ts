/** Serves one mount over /dev/fuse: the handshake, then one request after the other. */
import { Errno, fsError } from '../../core/errno.js';
import { pollReadable } from '../../sys/waiting/poll.js';
import { Exchange } from '../handlers/exchange.js';
import type { Operations } from '../operations.js';
import { InitFlag, InitFlag2, Opcode } from '../wire/abi.js';
import type { MessageMemory } from '../wire/message-memory.js';
import { Activity } from './activity.js';
import type { Device } from './device.js';
import { Dispatcher } from './dispatch.js';
import { type Negotiated, negotiate, replyToInit } from './handshake.js';

export interface SessionOptions {
  /** For how many seconds the kernel may cache names and attributes. */
  timeout: number;
  /** `auto`: the kernel reads and writes files without the server where it can. */
  passthrough: 'auto' | 'off';
  /** False: every request that would change the tree fails with EROFS. */
  writable: boolean;
  /** False: the kernel sends a request for each listing of a directory, and caches none. */
  cachesListings?: boolean;
  /** Gets one line per request. */
  debug?: (line: string) => void;
  /** Called before the device fd is closed: from then on its number can be that of another file. */
  closing?: () => void;
  log: (line: string) => void;
}

/** Syncs files while the thread serves other mounts. */
export interface Syncer {
  /** False: no other mount waits for the thread. */
  readonly isNeeded: boolean;
  /**
   * Begins to sync `fd`, which can be closed then. Calls `done` with 0 or an errno, unless the session has
   * ended. Returns false if that is not possible.
   */
  start(fd: number, datasync: boolean, done: (errno: number) => void): boolean;
}

/**
 * The result of {@link Session.serveNext}. `request`: one was served, or had been withdrawn by the kernel.
 * `nothing`: none waits. `end`: unmounted, or the connection was aborted.
 */
export type Found = 'request' | 'nothing' | 'end';

/**
 * Serves an {@link Operations} over an open /dev/fuse, on the calling thread. Owns the device and the
 * operations until `close()`.
 *
 * `new` → `handshake()` → a `ServingLoop`, which calls the other methods; each once.
 */
export class Session {
  private readonly exchange: Exchange;
  private readonly dispatcher: Dispatcher;
  /** Each request is one piece of work. */
  readonly activity = new Activity();

  /**
   * @param device opened with O_NONBLOCK and mounted
   * @param memory shared by all sessions of the calling thread
   */
  constructor(
    private readonly device: Device,
    private readonly operations: Operations,
    private readonly options: SessionOptions,
    memory: MessageMemory,
  ) {
    this.exchange = new Exchange(operations, options.timeout, memory);
    this.exchange.isWritable = options.writable;
    this.exchange.cachesListings = options.cachesListings !== false;
    this.dispatcher = new Dispatcher(this.device, this.exchange, options);
  }

  /**
   * Waits for INIT, replies to it and attaches the operations. Requests that arrive before the loop serves
   * the session wait for it. Throws ENODEV if the mount no longer exists, EPROTO if the kernel's protocol is
   * too old.
   */
  handshake(): void {
    const { request, reply } = this.exchange;
    const length = this.receiveInit();
    request.load(length);
    if (request.opcode !== Opcode.INIT) throw fsError(Errno.EPROTO, `opcode ${request.opcode} before INIT`);
    const agreed = this.negotiate();
    replyToInit(request, reply, agreed);
    const failed = this.device.send(reply.address, reply.seal(request.unique, 0));
    if (failed !== 0) throw fsError(failed, 'reply to INIT');
    this.options.debug?.(
      `INIT 7.${agreed.minor} flags ${agreed.flags.toString(16)} flags2 ${agreed.flags2.toString(16)}`,
    );
    this.begin({
      setxattrExt: (agreed.flags & InitFlag.SETXATTR_EXT) !== 0,
      passthrough: (agreed.flags2 & InitFlag2.PASSTHROUGH) !== 0,
    });
  }

  /** Gets ready to serve. {@link handshake} does it with the abilities that the kernel has. */
  begin({ setxattrExt, passthrough }: { readonly setxattrExt: boolean; readonly passthrough: boolean }): void {
    this.exchange.setxattrExt = setxattrExt;
    this.operations.attach(this.device, { passthrough });
  }

  private receiveInit(): number {
    for (;;) {
      const length = this.device.receive(this.exchange.request);
      if (length > 0) return length;
      if (length === -Errno.EAGAIN) pollReadable([this.device.fd], -1);
      else if (length !== -Errno.EINTR && length !== -Errno.ENOENT) throw fsError(-length, 'read of /dev/fuse');
    }
  }

  private negotiate(): Negotiated {
    const { request, reply } = this.exchange;
    try {
      const passthrough = this.options.passthrough === 'auto';
      return negotiate(request, { passthrough, acls: this.operations.xattrs === 'all' });
    } catch (error) {
      // With an error as the reply to INIT, callers get ECONNREFUSED at once. Without a reply they would
      // wait.
      this.device.send(reply.address, reply.seal(request.unique, Errno.EPROTO));
      throw error;
    }
  }

  /** Becomes readable when there is a request, and when the mount no longer exists. */
  get deviceFd(): number {
    return this.device.fd;
  }

  /** Becomes readable when {@link resumeCompleted} must be called. */
  get completionFd(): number {
    return this.operations.completionFd;
  }

  /** From now on, requests that sync a file do not wait for the disk while `syncer` is needed. */
  syncBy(syncer: Syncer): void {
    const { device, dispatcher, exchange } = this;
    exchange.backgroundSync = {
      get isNeeded() {
        return syncer.isNeeded;
      },
      start: (fd, datasync, unique) => syncer.start(fd, datasync, (errno) => dispatcher.replyTo(unique, errno)),
    };
    device.backgroundSync = (fd, done) => {
      const report = (errno: number): void => {
        done(errno);
        dispatcher.resumeCompleted();
      };
      return syncer.isNeeded && syncer.start(fd, false, report);
    };
  }

  /** Whether requests are parked. */
  get hasParked(): boolean {
    return this.dispatcher.parked.size > 0;
  }

  /** How many milliseconds to wait before the next {@link dropAbandoned}; -1: no check is due. */
  get checkDelay(): number {
    return this.dispatcher.parked.checkDelay;
  }

  /** The number of nodes in memory. */
  get nodeCount(): number {
    return this.operations.nodeCount;
  }

  /** How many nodes the kernel has forgotten so far. */
  get forgotten(): number {
    return this.exchange.forgotten;
  }

  /** Serves one request, if there is one. Never waits for one. Throws if the device fails. */
  serveNext(): Found {
    const length = this.device.receive(this.exchange.request);
    if (length > 0) {
      this.serve(length);
      return 'request';
    }
    switch (-length) {
      case Errno.EAGAIN:
        return 'nothing';
      case Errno.ENODEV:
      case Errno.ECONNABORTED:
        return 'end';
      case Errno.EINTR:
      case Errno.ENOENT: // The kernel withdrew the request before the server read it.
        return 'request';
      default:
        throw fsError(-length, 'read of /dev/fuse');
    }
  }

  /** Serves the request of `length` bytes that is in the memory for requests. */
  serve(length: number): void {
    this.activity.begin();
    this.dispatcher.serve(length);
    this.activity.end();
  }

  /**
   * Prefetches a little. Call it when no request waits. Returns false if there is nothing to do until the
   * next request.
   */
  prefetch(): boolean {
    return this.operations.prefetch();
  }

  /** Restarts the parked requests whose work has ended. */
  resumeCompleted(): void {
    this.dispatcher.resumeCompleted();
  }

  /** Replies to the parked requests whose callers are dying. */
  dropAbandoned(): void {
    this.dispatcher.dropAbandoned();
  }

  /**
   * Closes the device and the operations. The caller unmounts before: a mount without a server returns
   * ENOTCONN.
   */
  close(): void {
    this.options.closing?.();
    this.device.close();
    try {
      this.operations.close();
    } finally {
      this.exchange.serverEnd.close();
    }
  }
}
