/**
 * Serves one mount over /dev/fuse: the handshake, then the loop in which the thread stays until the mount
 * ends.
 */
import { Errno, fsError } from '../../core/errno.js';
import { RunQueue } from '../../sys/process/run-queue.js';
import { pollReadable } from '../../sys/waiting/poll.js';
import { Exchange } from '../handlers/exchange.js';
import type { Operations } from '../operations.js';
import { InitFlag, InitFlag2, Opcode } from '../wire/abi.js';
import { AdaptivePoll } from './adaptive-poll.js';
import { Device } from './device.js';
import { Dispatcher } from './dispatch.js';
import { type Negotiated, negotiate, replyToInit } from './handshake.js';
import { IdleGc } from './idle-gc.js';

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
  log: (line: string) => void;
}

/**
 * The number of requests after which the loop looks at the control and completion fds, if it never pauses.
 */
const CONTROL_INTERVAL = 64;

/**
 * Bits of the result of {@link pollReadable} for the fds of {@link Session.loop}: for the second and the
 * third.
 */
const CONTROL = 2;
const COMPLETION = 4;

/**
 * Serves an {@link Operations} over an open /dev/fuse, on the calling thread. Owns the fd from construction
 * on.
 *
 * `new` → `handshake()` → `run()`, each once. After `run()` the fd and the operations are closed.
 */
export class Session {
  private readonly device: Device;
  private readonly exchange: Exchange;
  private readonly dispatcher: Dispatcher;

  /** @param deviceFd /dev/fuse, opened with O_NONBLOCK and mounted */
  constructor(
    deviceFd: number,
    private readonly operations: Operations,
    private readonly options: SessionOptions,
  ) {
    this.device = new Device(deviceFd, options.log);
    this.exchange = new Exchange(operations, options.timeout);
    this.exchange.isWritable = options.writable;
    this.exchange.cachesListings = options.cachesListings !== false;
    this.dispatcher = new Dispatcher(this.device, this.exchange, options);
  }

  /**
   * Waits for INIT, replies to it and attaches the operations. Requests that arrive before {@link run} wait
   * for it. Throws ENODEV if the mount no longer exists, EPROTO if the kernel's protocol is too old.
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
    this.exchange.setxattrExt = (agreed.flags & InitFlag.SETXATTR_EXT) !== 0;
    const passthrough = (agreed.flags2 & InitFlag2.PASSTHROUGH) !== 0;
    this.options.debug?.(
      `INIT 7.${agreed.minor} flags ${agreed.flags.toString(16)} flags2 ${agreed.flags2.toString(16)}`,
    );
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

  /**
   * Serves until the mount no longer exists or `controlFd` is readable, and then closes the device and the
   * operations. Blocks the thread until then. The caller unmounts before it makes `controlFd` readable,
   * because every call on a mount without a server fails with ENOTCONN.
   */
  run(controlFd: number): void {
    const runQueue = new RunQueue();
    try {
      this.loop(controlFd, new AdaptivePoll(runQueue));
    } finally {
      runQueue.close();
      this.device.close();
      try {
        this.operations.close();
      } finally {
        this.exchange.serverEnd.close();
      }
    }
  }

  private loop(controlFd: number, polling: AdaptivePoll): void {
    const { device, dispatcher } = this;
    const { request } = this.exchange;
    const fds = [device.fd, controlFd, this.operations.completionFd];
    const gc = new IdleGc();
    for (let served = 1; ; ) {
      const length = device.receive(request);
      if (length > 0) {
        polling.found();
        dispatcher.serve(length);
        if (served++ % CONTROL_INTERVAL === 0 && this.wait(fds, 0) === 'stopped') return;
      } else if (length === -Errno.EAGAIN) {
        if (this.operations.prefetch()) continue;
        if (polling.continues()) continue;
        const { checkDelay } = dispatcher.parked;
        const woken = this.wait(fds, checkDelay < 0 ? gc.delay(served) : checkDelay);
        if (woken === 'stopped') return;
        if (woken === 'timeout' && checkDelay < 0) gc.run(served, this.exchange.forgotten);
        polling.woken();
      } else if (length === -Errno.ENODEV || length === -Errno.ECONNABORTED) {
        return; // unmounted, or the connection was aborted
      } else if (length !== -Errno.EINTR && length !== -Errno.ENOENT) {
        // ENOENT: the kernel withdrew the request before the server read it.
        throw fsError(-length, 'read of /dev/fuse');
      }
    }
  }

  /**
   * Waits up to `timeout` ms until one of the fds is readable, and resumes parked requests.
   * @returns `stopped`: the control fd is readable
   */
  private wait(fds: readonly number[], timeout: number): 'stopped' | 'timeout' | 'readable' {
    const ready = pollReadable(fds, timeout);
    if (ready & CONTROL) return 'stopped';
    if (ready & COMPLETION) this.dispatcher.resumeCompleted();
    if (this.dispatcher.parked.checkDelay >= 0) this.dispatcher.dropAbandoned();
    return ready === 0 ? 'timeout' : 'readable';
  }
}
