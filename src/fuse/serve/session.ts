/** One mount, served: the handshake, then the loop that the whole thread is for. */
import { Errno, fsError } from '../../core/errno.js';
import { RunQueue } from '../../sys/process/run-queue.js';
import { pollReadable } from '../../sys/waiting/poll.js';
import { Exchange } from '../handlers/exchange.js';
import type { Operations } from '../operations.js';
import { InitFlag, InitFlag2, Opcode } from '../wire/abi.js';
import { AdaptivePoll } from './adaptive-poll.js';
import { Device } from './device.js';
import { Dispatcher } from './dispatch.js';
import { answerInit, type Negotiated, negotiate } from './handshake.js';
import { IdleGc } from './idle-gc.js';

export interface SessionOptions {
  /** Seconds for which the kernel may keep names and attributes. */
  timeout: number;
  /** `auto`: let files be read and written past the server where the kernel can. */
  passthrough: 'auto' | 'off';
  /** False: every request that would change the tree is answered with EROFS. */
  writable: boolean;
  /** False: the kernel asks for each listing of a directory, and caches none. */
  keepsListings?: boolean;
  /** Takes one line per request. */
  debug?: (line: string) => void;
  log: (line: string) => void;
}

export interface SessionStats {
  /** Requests received, by name; those that never came are left out. */
  readonly requests: Readonly<Record<string, number>>;
  /** Requests that wait for work done elsewhere. */
  readonly parked: number;
}

/** Busy loops look at the control and completion fds once per this many requests. */
const CONTROL_INTERVAL = 64;

/** Bits of {@link Session.attend}'s fds. */
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

  /** @param deviceFd /dev/fuse opened O_NONBLOCK, mounted already */
  constructor(
    deviceFd: number,
    private readonly operations: Operations,
    private readonly options: SessionOptions,
  ) {
    this.device = new Device(deviceFd, options.log);
    this.exchange = new Exchange(operations, options.timeout);
    this.exchange.isWritable = options.writable;
    this.exchange.keepsListings = options.keepsListings !== false;
    this.dispatcher = new Dispatcher(this.device, this.exchange, options);
  }

  /**
   * Waits for INIT, answers it and attaches the operations. The mount answers from {@link run} on; requests
   * made before wait. Throws ENODEV if the mount is gone already, EPROTO for a kernel whose protocol is too
   * old.
   */
  handshake(): void {
    const { request, reply } = this.exchange;
    const length = this.receiveInit();
    request.load(length);
    if (request.opcode !== Opcode.INIT) throw fsError(Errno.EPROTO, `opcode ${request.opcode} before INIT`);
    this.dispatcher.count(Opcode.INIT);
    const agreed = this.negotiate();
    answerInit(request, reply, agreed);
    const failed = this.device.send(reply.address, reply.seal(request.unique, 0));
    if (failed !== 0) throw fsError(failed, 'answer to INIT');
    this.exchange.setxattrExt = (agreed.flags & InitFlag.SETXATTR_EXT) !== 0;
    const passthrough = (agreed.flags2 & InitFlag2.PASSTHROUGH) !== 0;
    this.options.debug?.(
      `INIT 7.${agreed.minor} flags ${agreed.flags.toString(16)} flags2 ${agreed.flags2.toString(16)}`,
    );
    this.operations.attach(this.device, { passthrough });
  }

  private receiveInit(): number {
    for (;;) {
      const got = this.device.receive(this.exchange.request);
      if (got > 0) return got;
      if (got === -Errno.EAGAIN) pollReadable([this.device.fd], -1);
      else if (got !== -Errno.EINTR && got !== -Errno.ENOENT) throw fsError(-got, 'read of /dev/fuse');
    }
  }

  private negotiate(): Negotiated {
    const { request, reply } = this.exchange;
    try {
      return negotiate(request, this.options.passthrough === 'auto', this.operations.xattrs === 'all');
    } catch (error) {
      // Refused in words the kernel knows: its callers get ECONNREFUSED at once instead of waiting.
      this.device.send(reply.address, reply.seal(request.unique, Errno.EPROTO));
      throw error;
    }
  }

  /**
   * Serves until the mount is gone or `controlFd` is readable, then closes everything; blocks the thread for
   * all that time. `controlFd` itself stays the caller's. A mount that is still there when `controlFd` ended
   * it answers ENOTCONN from then on: unmount first.
   */
  run(controlFd: number): void {
    const machine = new RunQueue();
    try {
      this.loop(controlFd, new AdaptivePoll(machine));
    } finally {
      machine.close();
      this.device.close();
      try {
        this.operations.close();
      } finally {
        this.exchange.end.close();
      }
    }
  }

  private loop(controlFd: number, patience: AdaptivePoll): void {
    const { device, dispatcher } = this;
    const { request } = this.exchange;
    const fds = [device.fd, controlFd, this.operations.completionFd];
    const rest = new IdleGc();
    for (let served = 1; ; ) {
      const got = device.receive(request);
      if (got > 0) {
        patience.found();
        dispatcher.serve(got);
        if (served++ % CONTROL_INTERVAL === 0 && this.attend(fds, 0) === 'stopped') return;
      } else if (got === -Errno.EAGAIN) {
        if (this.operations.anticipate()) continue;
        if (patience.lookAgain()) continue;
        const parked = dispatcher.parked.patience;
        const attended = this.attend(fds, parked < 0 ? rest.patience(served) : parked);
        if (attended === 'stopped') return;
        if (attended === 'nothing' && parked < 0) rest.take(served, this.exchange.forgotten);
        patience.woken();
      } else if (got === -Errno.ENODEV || got === -Errno.ECONNABORTED) {
        return; // unmounted, or the connection was aborted
      } else if (got !== -Errno.EINTR && got !== -Errno.ENOENT) {
        // ENOENT: the request was taken back before we read it.
        throw fsError(-got, 'read of /dev/fuse');
      }
    }
  }

  /** Waits for any of the fds, up to `timeout` ms, and lets parked requests go on. */
  private attend(fds: readonly number[], timeout: number): 'stopped' | 'nothing' | 'something' {
    const ready = pollReadable(fds, timeout);
    if (ready & CONTROL) return 'stopped';
    if (ready & COMPLETION) this.dispatcher.resumeCompleted();
    if (this.dispatcher.parked.patience >= 0) this.dispatcher.dropAbandoned();
    return ready === 0 ? 'nothing' : 'something';
  }

  stats(): SessionStats {
    return { requests: this.dispatcher.requestCounts(), parked: this.dispatcher.parked.size };
  }
}
