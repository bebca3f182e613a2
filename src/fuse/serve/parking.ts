/**
 * Requests that wait for work done elsewhere. Each is kept whole until the work's key is reported, then
 * served from its beginning; or until its caller dies, and it is answered with EINTR.
 */
import { procField, readProc } from '../../sys/proc.js';

interface Waiting {
  readonly key: number;
  readonly message: Buffer;
  readonly pid: number;
  /** A signal has reached the caller. The kernel says so once, so from then on we look ourselves. */
  interrupted: boolean;
}

/** Bit of SIGKILL in the signal masks of /proc/PID/status. */
const SIGKILL_BIT = 0x100;
/** How often the callers that got a signal are looked at. */
const LOOK_MS = 100;

/**
 * Whether a thread is about to die. Every fatal signal, whichever it was, becomes a pending SIGKILL of each
 * thread (kernel/signal.c:complete_signal).
 */
function isDying(pid: number): boolean {
  // Of a thread that we cannot see nothing is known: its request is finished as usual.
  const pending = procField(readProc(pid, 'status'), 'SigPnd') ?? '0';
  return (Number.parseInt(pending.slice(-8), 16) & SIGKILL_BIT) !== 0;
}

export class ParkedRequests {
  /** In the order of arrival. */
  private readonly waiting = new Map<number, Waiting>();

  get size(): number {
    return this.waiting.size;
  }

  park(unique: number, key: number, pid: number, message: Buffer): void {
    this.waiting.set(unique, { key, message, pid, interrupted: false });
  }

  /** Whether any request waits for `key`. */
  awaits(key: number): boolean {
    for (const request of this.waiting.values()) if (request.key === key) return true;
    return false;
  }

  /**
   * The kernel says that a signal reached the caller of request `unique`. Returns whether that one is here.
   */
  interrupt(unique: number): boolean {
    const request = this.waiting.get(unique);
    if (request === undefined) return false;
    request.interrupted = true;
    return true;
  }

  /** Milliseconds until {@link takeAbandoned} should be asked; -1: no need. */
  get patience(): number {
    for (const request of this.waiting.values()) if (request.interrupted) return LOOK_MS;
    return -1;
  }

  /**
   * Takes out the requests whose callers are dying: they leave only when they are answered. Other signals do
   * not end a request: open(2) of a file on a local file system is not interrupted by a timer either.
   */
  takeAbandoned(): number[] {
    const abandoned: number[] = [];
    for (const [unique, request] of this.waiting) {
      if (request.interrupted && isDying(request.pid)) abandoned.push(unique);
    }
    for (const unique of abandoned) this.waiting.delete(unique);
    return abandoned;
  }

  /** Takes out all of them. */
  takeAll(): number[] {
    const all = [...this.waiting.keys()];
    this.waiting.clear();
    return all;
  }

  /** Takes out the messages that waited for one of `keys`, oldest first. */
  takeReady(keys: readonly number[]): Buffer[] {
    const ready: Buffer[] = [];
    for (const [unique, { key, message }] of this.waiting) {
      if (!keys.includes(key)) continue;
      this.waiting.delete(unique);
      ready.push(message);
    }
    return ready;
  }
}
