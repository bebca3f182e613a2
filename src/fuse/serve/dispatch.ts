/**
 * Serves one message after the other: request → handler → exactly one reply. Each exception of an operation
 * becomes the errno of its reply here, so an operation that fails affects no other one.
 */
import { Errno, errnoName, FsError } from '../../core/errno.js';
import { UndoError } from '../../core/undo.js';
import { type Exchange, NO_REPLY_YET } from '../handlers/exchange.js';
import { Parked } from '../operations.js';
import { Opcode } from '../wire/abi.js';
import { ProtocolError } from '../wire/request.js';
import { InterruptIn } from '../wire/request-structs.js';
import type { Device } from './device.js';
import { type Row, rowOf } from './opcodes.js';
import { ParkedRequests } from './parking.js';
import { describeOutcome, describeRequest } from './trace.js';
import { revokeGrants } from './undelivered.js';

/**
 * Errnos of a change that failed half-way, and was not refused before it began. Even if it was rolled back,
 * times and mode bits that the kernel has cached can be out of date.
 */
const FAILED_HALF_WAY = new Set<number>([
  Errno.EIO,
  Errno.ENOSPC,
  Errno.EDQUOT,
  Errno.EROFS,
  Errno.ENOMEM,
  Errno.EMFILE,
  Errno.ENFILE,
]);

interface DispatchOptions {
  readonly writable: boolean;
  readonly debug?: ((line: string) => void) | undefined;
  readonly log: (line: string) => void;
}

export class Dispatcher {
  readonly parked = new ParkedRequests();

  constructor(
    private readonly device: Pick<Device, 'send' | 'invalidateAttributes'>,
    private readonly exchange: Exchange,
    private readonly options: DispatchOptions,
  ) {}

  /** Serves the message of `length` bytes that is in the exchange's request buffer. */
  serve(length: number): void {
    const { request } = this.exchange;
    try {
      request.load(length);
    } catch (error) {
      // Without a valid header there is no request to reply to. No kernel sends such a message.
      this.options.log(`ignored: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    if (request.opcode === Opcode.INTERRUPT) this.interrupt();
    else this.process();
  }

  /** Restarts the parked requests whose work has ended. */
  resumeCompleted(): void {
    const { operations } = this.exchange;
    let keys: readonly number[];
    try {
      keys = operations.takeCompleted((key) => this.parked.awaits(key));
    } catch (error) {
      // The keys are lost with the error, so no request can know whether its work has ended.
      this.options.log(`EIO to all ${this.parked.size} requests that wait for a copy: ${String(error)}`);
      for (const unique of this.parked.takeAll()) this.reply(unique, Errno.EIO);
      return;
    }
    this.resume(keys);
  }

  /** Restarts the parked requests that wait for one of `keys`. */
  resume(keys: readonly number[]): void {
    for (const message of this.parked.takeReady(keys)) {
      this.exchange.request.restore(message);
      this.process();
    }
  }

  /** Sends the reply, without a body, to a request whose handler has returned {@link NO_REPLY_YET}. */
  replyTo(unique: number, errno: number): void {
    this.exchange.reply.size = 0;
    this.options.debug?.(`#${unique} → ${describeOutcome(errno, 0)}`);
    this.reply(unique, errno);
  }

  /** Replies to the parked requests whose callers are dying. */
  dropAbandoned(): void {
    for (const unique of this.parked.takeAbandoned()) this.reply(unique, Errno.EINTR);
  }

  /**
   * INTERRUPT: a signal has reached the caller of another request. If that request is not parked, it has its
   * reply already or gets it without waiting.
   */
  private interrupt(): void {
    const { request } = this.exchange;
    try {
      request.expectBody(InterruptIn.sizeof);
    } catch (error) {
      this.options.log(`ignored: malformed request: INTERRUPT: ${String(error)}`);
      return;
    }
    const unique = request.u64(InterruptIn.unique);
    this.options.debug?.(`INTERRUPT of #${unique}`);
    if (this.parked.interrupt(unique)) this.dropAbandoned();
  }

  private process(): void {
    const { request, reply } = this.exchange;
    const { debug } = this.options;
    const row = rowOf(request.opcode);
    const traced = debug === undefined ? '' : describeRequest(request, row);
    reply.size = 0;
    const errno = this.outcome(row);
    if (debug !== undefined)
      debug(`${traced} → ${errno === NO_REPLY_YET ? 'waits' : describeOutcome(errno, reply.size)}`);
    if (errno === NO_REPLY_YET || !row.replies) return;
    if (!this.reply(request.unique, errno) && errno === 0) this.revoke(row);
  }

  private outcome(row: Row): number {
    if (row.changes && !this.options.writable) return Errno.EROFS;
    try {
      return row.handle(this.exchange);
    } catch (error) {
      return this.failure(row, error);
    }
  }

  private failure(row: Row, error: unknown): number {
    const { request } = this.exchange;
    if (error instanceof FsError) {
      if (error instanceof UndoError) this.options.log(`${row.name} (node ${request.nodeid}): ${error.message}`);
      // OPEN changes the file if it has O_TRUNC.
      const changes = row.changes || request.opcode === Opcode.OPEN;
      if (changes && FAILED_HALF_WAY.has(error.errno)) this.invalidate(row);
      return error.errno;
    }
    if (error instanceof Parked && row.replies) {
      this.parked.park(request.unique, error.key, request.pid, request.copy());
      return NO_REPLY_YET;
    }
    const { log, debug } = this.options;
    const what = error instanceof ProtocolError ? `malformed request: ${error.message}` : String(error);
    log(`EIO to ${row.name} (opcode ${request.opcode}, node ${request.nodeid}, request ${request.unique}): ${what}`);
    if (debug !== undefined && error instanceof Error && error.stack !== undefined) debug(error.stack);
    return Errno.EIO;
  }

  /** Makes the kernel drop the attributes that it has cached of the nodes in the request. */
  private invalidate({ otherNode }: Row): void {
    const { request } = this.exchange;
    this.device.invalidateAttributes(request.nodeid);
    if (otherNode !== null) this.device.invalidateAttributes(request.nodeidAt(otherNode));
  }

  /** Returns false if the kernel did not accept the reply. */
  private reply(unique: number, errno: number): boolean {
    const { request, reply } = this.exchange;
    const failed = this.device.send(reply.address, reply.seal(unique, errno));
    if (failed === 0) return true;
    // ENOENT: the caller was killed and no longer waits. ENODEV: unmounted meanwhile.
    if (failed === Errno.ENOENT || failed === Errno.ENODEV) return false;
    const result = errno === 0 ? `${reply.size} bytes` : errnoName(errno);
    this.options.log(
      `the kernel refused the reply to request ${unique} (opcode ${request.opcode}, ${result}): ${errnoName(failed)}`,
    );
    // After a refused reply the caller still waits. The kernel accepts every error.
    if (errno === 0 && failed === Errno.EINVAL) this.device.send(reply.address, reply.seal(unique, Errno.EIO));
    return false;
  }

  private revoke(row: Row): void {
    try {
      revokeGrants(this.exchange, row.grants);
    } catch (error) {
      this.options.log(`grants of the undelivered reply to ${row.name} were not revoked: ${String(error)}`);
    }
  }
}
