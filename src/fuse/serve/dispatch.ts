/**
 * Serves one message after the other: request → handler → exactly one answer. An operation that fails, fails
 * alone: this is the one place where a throwable becomes an errno.
 */
import { Errno, FsError } from '../../core/errno.js';
import { UndoError } from '../../core/undo.js';
import type { Exchange } from '../handlers/exchange.js';
import { Parked } from '../operations.js';
import { IN_HEADER, OPCODE_LIMIT, Opcode } from '../wire/abi.js';
import { ProtocolError } from '../wire/request.js';
import type { Device } from './device.js';
import { type Row, rowOf } from './opcodes.js';
import { ParkedRequests } from './parking.js';
import { describeOutcome, describeRequest } from './trace.js';
import { takeBack } from './unanswered.js';

/**
 * Errnos of a change that failed half-way, and was not refused before it began. Even if it was taken back,
 * times and mode bits that the kernel has cached can be out of date.
 */
const BROKEN_OFF = new Set<number>([
  Errno.EIO,
  Errno.ENOSPC,
  Errno.EDQUOT,
  Errno.EROFS,
  Errno.ENOMEM,
  Errno.EMFILE,
  Errno.ENFILE,
]);

/** In place of an errno: the request waits, and is answered later. */
const PARKED = -1;

export interface DispatchOptions {
  readonly writable: boolean;
  readonly debug?: ((line: string) => void) | undefined;
  readonly log: (line: string) => void;
}

export class Dispatcher {
  readonly parked = new ParkedRequests();
  /** Requests per opcode; index 0 counts those of no known opcode. */
  private readonly counts = new Uint32Array(OPCODE_LIMIT);

  constructor(
    private readonly device: Device,
    private readonly exchange: Exchange,
    private readonly options: DispatchOptions,
  ) {}

  /** Serves the message of `length` bytes that stands in the exchange's request buffer. */
  serve(length: number): void {
    const { request } = this.exchange;
    try {
      request.load(length);
    } catch (error) {
      // Without a sound header there is nothing to answer to, and no kernel sends one.
      this.options.log(`ignored: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    const { opcode } = request;
    this.count(opcode);
    if (opcode === Opcode.INTERRUPT) this.interrupt();
    else this.process();
  }

  count(opcode: number): void {
    const index = opcode < OPCODE_LIMIT ? opcode : 0;
    this.counts[index] = (this.counts[index] ?? 0) + 1;
  }

  /** Requests received, by name; those that never came are left out. */
  requestCounts(): Record<string, number> {
    const requests: Record<string, number> = {};
    this.counts.forEach((count, opcode) => {
      if (count > 0) requests[rowOf(opcode).name] = count;
    });
    return requests;
  }

  /** Serves again what waited for work that has ended. */
  resumeCompleted(): void {
    const { operations } = this.exchange;
    let keys: readonly number[];
    try {
      keys = operations.takeCompleted((key) => this.parked.awaits(key));
    } catch (error) {
      // Which work it was nobody can tell any more.
      this.options.log(`EIO to all ${this.parked.size} requests that wait for a copy: ${String(error)}`);
      for (const unique of this.parked.takeAll()) this.answer(unique, Errno.EIO);
      return;
    }
    this.resume(keys);
  }

  /** Serves again what waited for the work named by `keys`. */
  resume(keys: readonly number[]): void {
    for (const message of this.parked.takeReady(keys)) {
      this.exchange.request.restore(message);
      this.process();
    }
  }

  /** Answers the parked requests whose callers are dying. */
  dropAbandoned(): void {
    for (const unique of this.parked.takeAbandoned()) this.answer(unique, Errno.EINTR);
  }

  /**
   * u64 unique of the request that a signal reached. What is not parked has been answered, or will not wait.
   */
  private interrupt(): void {
    const { request } = this.exchange;
    const unique = request.length < IN_HEADER + 8 ? 0 : request.u64(0);
    this.options.debug?.(`INTERRUPT of #${unique}`);
    if (!this.parked.interrupt(unique)) return;
    this.dropAbandoned();
  }

  private process(): void {
    const { request, reply } = this.exchange;
    const { debug } = this.options;
    const row = rowOf(request.opcode);
    const traced = debug === undefined ? '' : describeRequest(request, row);
    reply.size = 0;
    const errno = this.outcome(row);
    if (debug !== undefined) debug(`${traced} → ${errno === PARKED ? 'waits' : describeOutcome(errno, reply.size)}`);
    if (errno === PARKED || !row.replies) return;
    if (!this.answer(request.unique, errno) && errno === 0) this.retract(row);
  }

  /** What the kernel knows of the attributes of whatever the request names. */
  private invalidate({ other }: Row): void {
    const { request } = this.exchange;
    this.device.invalidateAttributes(request.nodeid);
    if (other && request.length >= IN_HEADER + 8) this.device.invalidateAttributes(request.nodeidAt(0));
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
      // O_TRUNC comes with OPEN.
      if (BROKEN_OFF.has(error.errno) && (row.changes || request.opcode === Opcode.OPEN)) this.invalidate(row);
      return error.errno;
    }
    if (error instanceof Parked && row.replies) {
      this.parked.park(request.unique, error.key, request.pid, request.copy());
      return PARKED;
    }
    const { log, debug } = this.options;
    const what = error instanceof ProtocolError ? `malformed request: ${error.message}` : String(error);
    log(`EIO to ${row.name} (opcode ${request.opcode}, node ${request.nodeid}, request ${request.unique}): ${what}`);
    if (debug !== undefined && error instanceof Error && error.stack !== undefined) debug(error.stack);
    return Errno.EIO;
  }

  /** Returns false when the kernel did not take the answer. */
  private answer(unique: number, errno: number): boolean {
    const { reply } = this.exchange;
    const failed = this.device.send(reply.address, reply.seal(unique, errno));
    if (failed === 0) return true;
    // ENOENT: the caller was killed and nobody waits any more. ENODEV: unmounted meanwhile.
    if (failed !== Errno.ENOENT && failed !== Errno.ENODEV) {
      const { request, reply } = this.exchange;
      this.options.log(
        `the kernel refused the answer to request ${unique} (opcode ${request.opcode}, error ${errno}, ${reply.size} bytes): errno ${failed}`,
      );
      // A refused answer leaves its caller waiting; an error is always taken.
      if (errno === 0 && failed === Errno.EINVAL) this.device.send(reply.address, reply.seal(unique, Errno.EIO));
    }
    return false;
  }

  private retract(row: Row): void {
    try {
      takeBack(this.exchange, row.grants);
    } catch (error) {
      this.options.log(`taking back the answer to ${row.name} failed: ${String(error)}`);
    }
  }
}
