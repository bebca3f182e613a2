import { Errno, errnoName, FsError } from '../../core/errno.js';
import { UndoError } from '../../core/undo.js';
import { pollReadable } from '../../sys/waiting/poll.js';
import { type Operations, Parked } from '../operations.js';

/** Replies to the libfuse thread that made a request. */
export interface Answer<T> {
  ok(value: T): void;
  fail(errno: number): void;
}

interface RequestOptions {
  /** False: every request that would change the tree fails with EROFS. */
  readonly writable: boolean;
  /** How many milliseconds a request can take without progress. */
  readonly limit: number;
  readonly log: (line: string) => void;
  /** Gets one line per request. */
  readonly debug?: ((line: string) => void) | undefined;
  /** Called before and after each operation, so that another thread can see one that hangs. */
  readonly watch: { begin(): void; end(): void };
}

/** The operations that resume parked requests. */
type Completions = Pick<Operations, 'completionFd' | 'takeCompleted' | 'progress'>;

/** How often the server looks for completed work while requests are parked. */
const CHECK_MS = 2;

interface ParkedOperation {
  readonly key: number;
  readonly restart: () => void;
  readonly abandon: () => void;
  progress: number;
  /** When the progress last changed, by performance.now(). */
  since: number;
}

/**
 * Serves requests one after the other: runs each operation to its end, and replies exactly once, also if it
 * throws.
 *
 * The time limit of fuse-native itself is not used. It would reply while the operation may still run, with a
 * buffer that libfuse then reuses. Instead, a parked request whose work makes no progress for the time limit
 * fails with ETIMEDOUT. An operation that does not return is ended by {@link RequestOptions.watch}.
 */
export class Requests {
  private waiting: ParkedOperation[] = [];
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly completions: Completions,
    private readonly options: RequestOptions,
  ) {}

  /**
   * @param what the name of the request and its path, for the log
   * @param changes whether the request fails on a mount that is not writable
   */
  serve<T>(what: string, changes: boolean, operation: () => T, answer: Answer<T>): void {
    if (changes && !this.options.writable) this.fail(what, Errno.EROFS, answer);
    else this.run(what, operation, answer);
  }

  /** How many requests wait for work in another thread. */
  get parked(): number {
    return this.waiting.length;
  }

  /** Drops the parked requests without a reply. Call it when the mount has ended. */
  close(): void {
    clearInterval(this.timer);
    this.waiting = [];
  }

  private run<T>(what: string, operation: () => T, answer: Answer<T>): void {
    let value: T;
    this.options.watch.begin();
    try {
      value = operation();
    } catch (error) {
      if (error instanceof Parked) this.park(what, error.key, operation, answer);
      else this.fail(what, this.errnoOf(what, error), answer);
      return;
    } finally {
      this.options.watch.end();
    }
    this.options.debug?.(`${what} → done`);
    answer.ok(value);
  }

  private errnoOf(what: string, error: unknown): number {
    if (error instanceof FsError) {
      if (error instanceof UndoError) this.options.log(`${what}: ${error.message}`);
      return error.errno;
    }
    this.options.log(`EIO to ${what}: ${String(error)}`);
    if (error instanceof Error && error.stack !== undefined) this.options.debug?.(error.stack);
    return Errno.EIO;
  }

  private fail<T>(what: string, errno: number, answer: Answer<T>): void {
    this.options.debug?.(`${what} → ${errnoName(errno)}`);
    answer.fail(errno);
  }

  private park<T>(what: string, key: number, operation: () => T, answer: Answer<T>): void {
    this.options.debug?.(`${what} → waits`);
    this.waiting.push({
      key,
      restart: () => this.run(what, operation, answer),
      abandon: () => {
        this.options.log(`ETIMEDOUT to ${what}: no progress for ${this.options.limit / 1000} s`);
        this.fail(what, Errno.ETIMEDOUT, answer);
      },
      progress: this.completions.progress(key),
      since: performance.now(),
    });
    this.timer ??= setInterval(() => this.checkParked(), CHECK_MS);
  }

  private checkParked(): void {
    try {
      this.resumeCompleted();
      this.abandonStalled();
    } catch (error) {
      this.options.log(`checking finished copy jobs: ${String(error)}`);
    }
    if (this.waiting.length > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private resumeCompleted(): void {
    if (pollReadable([this.completions.completionFd], 0) === 0) return;
    const isAwaited = (key: number): boolean => this.waiting.some((request) => request.key === key);
    const keys = this.completions.takeCompleted(isAwaited);
    if (keys.length === 0) return;
    for (const { restart } of this.remove(({ key }) => keys.includes(key))) restart();
  }

  private abandonStalled(): void {
    const now = performance.now();
    const isStalled = (request: ParkedOperation): boolean => {
      if (now - request.since < this.options.limit) return false;
      const progress = this.completions.progress(request.key);
      const isUnchanged = progress === request.progress;
      request.progress = progress;
      request.since = now;
      return isUnchanged;
    };
    for (const { abandon } of this.remove(isStalled)) abandon();
  }

  /** Removes the parked requests for which `isWanted` is true, and returns them. */
  private remove(isWanted: (request: ParkedOperation) => boolean): ParkedOperation[] {
    const removed = this.waiting.filter(isWanted);
    if (removed.length > 0) this.waiting = this.waiting.filter((request) => !removed.includes(request));
    return removed;
  }
}

/** `RENAME "/a" "/b"`. */
export function describe(name: string, ...paths: readonly string[]): string {
  return [name.toUpperCase(), ...paths.map((path) => JSON.stringify(path))].join(' ');
}
