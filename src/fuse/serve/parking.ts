/**
 * Requests that wait for work in another thread. Each is kept as a whole message. When the operations report
 * the key of the work, the request is served from its beginning. When the caller dies first, the reply is
 * EINTR.
 */
import { procField, readProc } from '../../sys/proc.js';

interface ParkedRequest {
  readonly key: number;
  readonly message: Buffer;
  readonly pid: number;
  /**
   * A signal has reached the caller. The kernel reports only the first one; from then on the server checks
   * itself.
   */
  interrupted: boolean;
}

/** The bit of SIGKILL in the signal masks of /proc/PID/status. */
const SIGKILL_BIT = 0x100;
/** How often the server checks whether callers that got a signal are dying. */
const CHECK_MS = 100;

/**
 * Whether a thread is about to die. Every fatal signal becomes a pending SIGKILL of each thread
 * (kernel/signal.c:complete_signal).
 */
function isDying(pid: number): boolean {
  // A thread without a readable status counts as alive: its request is served as usual.
  const pending = procField(readProc(pid, 'status'), 'SigPnd') ?? '0';
  return (Number.parseInt(pending.slice(-8), 16) & SIGKILL_BIT) !== 0;
}

export class ParkedRequests {
  /** By `unique`, in the order in which they were parked. */
  private readonly requests = new Map<number, ParkedRequest>();

  get size(): number {
    return this.requests.size;
  }

  park(unique: number, key: number, pid: number, message: Buffer): void {
    this.requests.set(unique, { key, message, pid, interrupted: false });
  }

  /** Whether any request waits for `key`. */
  awaits(key: number): boolean {
    for (const request of this.requests.values()) if (request.key === key) return true;
    return false;
  }

  /**
   * Records that a signal has reached the caller of request `unique`. Returns false if that request is not
   * parked.
   */
  interrupt(unique: number): boolean {
    const request = this.requests.get(unique);
    if (request === undefined) return false;
    request.interrupted = true;
    return true;
  }

  /** How many milliseconds to wait before the next {@link takeAbandoned}; -1: no check is due. */
  get checkDelay(): number {
    for (const request of this.requests.values()) if (request.interrupted) return CHECK_MS;
    return -1;
  }

  /**
   * Removes the requests whose callers are dying, and returns their `unique`s: such a caller cannot exit
   * before it has its reply. Other signals do not end a request, just as a timer does not interrupt open(2)
   * on a local file system.
   */
  takeAbandoned(): number[] {
    const abandoned: number[] = [];
    for (const [unique, request] of this.requests) {
      if (request.interrupted && isDying(request.pid)) abandoned.push(unique);
    }
    for (const unique of abandoned) this.requests.delete(unique);
    return abandoned;
  }

  /** Removes all requests, and returns their `unique`s. */
  takeAll(): number[] {
    const all = [...this.requests.keys()];
    this.requests.clear();
    return all;
  }

  /** Removes the requests that wait for one of `keys`, and returns their messages, oldest first. */
  takeReady(keys: readonly number[]): Buffer[] {
    const ready: Buffer[] = [];
    for (const [unique, { key, message }] of this.requests) {
      if (!keys.includes(key)) continue;
      this.requests.delete(unique);
      ready.push(message);
    }
    return ready;
  }
}
