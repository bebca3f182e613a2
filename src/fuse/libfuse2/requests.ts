import { Errno, errnoName, FsError } from '../../core/errno.js';
import { UndoError } from '../../core/undo.js';
import { pollReadable } from '../../sys/waiting/poll.js';
import { type Operations, Parked } from '../operations.js';

/** How the libfuse thread that asked gets its answer. */
export interface Answer<T> {
  ok(value: T): void;
  fail(errno: number): void;
}

export interface RequestOptions {
  /** False: every request that would change the tree is answered with EROFS. */
  readonly writable: boolean;
  /** How long a request may take, in milliseconds. */
  readonly limit: number;
  readonly log: (line: string) => void;
  /** Takes one line per request. */
  readonly debug?: ((line: string) => void) | undefined;
  /** Around each operation, for who watches from outside whether it ends. */
  readonly watch: { begin(): void; end(): void };
}

/** What the requests ask of the file system for those that wait. */
export type Completions = Pick<Operations, 'completionFd' | 'takeCompleted' | 'progress'>;

/** How often completed work is looked for while requests wait for it. */
const LOOK_MS = 2;

interface Waiting {
  readonly key: number;
  readonly again: () => void;
  readonly giveUp: () => void;
  progress: number;
  /** When the progress was seen to change, by performance.now(). */
  since: number;
}

/**
 * Serves requests one after the other: each operation is run to its end and answered exactly once, whatever
 * it does.
 *
 * fuse-native's own time limit is not used: it answers from outside while the operation may still go on, with
 * a buffer that is libfuse's again. A request whose operation has parked is answered with ETIMEDOUT when its
 * work makes no progress for the time of the limit; one whose operation does not return is the
 * {@link RequestOptions.watch}er's.
 */
export class Requests {
  private waiting: Waiting[] = [];
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly completions: Completions,
    private readonly options: RequestOptions,
  ) {}

  /**
   * @param what the request's name and its path, for people
   * @param changes whether it is refused on a mount that is not writable
   */
  serve<T>(what: string, changes: boolean, operation: () => T, answer: Answer<T>): void {
    if (changes && !this.options.writable) this.fail(what, Errno.EROFS, answer);
    else this.run(what, operation, answer);
  }

  /** Requests that wait for work done elsewhere. */
  get parked(): number {
    return this.waiting.length;
  }

  /** Nobody waits any more: the mount is gone. */
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
      again: () => this.run(what, operation, answer),
      giveUp: () => {
        this.options.log(`ETIMEDOUT to ${what}: no progress for ${this.options.limit / 1000} s`);
        this.fail(what, Errno.ETIMEDOUT, answer);
      },
      progress: this.completions.progress(key),
      since: performance.now(),
    });
    this.timer ??= setInterval(() => this.look(), LOOK_MS);
  }

  private look(): void {
    try {
      this.resume();
      this.giveUpStalled();
    } catch (error) {
      this.options.log(`looking for completed work: ${String(error)}`);
    }
    if (this.waiting.length > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private resume(): void {
    if (pollReadable([this.completions.completionFd], 0) === 0) return;
    const awaited = (key: number): boolean => this.waiting.some((one) => one.key === key);
    const keys = this.completions.takeCompleted(awaited);
    if (keys.length > 0) for (const { again } of this.takeOut(({ key }) => keys.includes(key))) again();
  }

  private giveUpStalled(): void {
    const now = performance.now();
    const stalled = (one: Waiting): boolean => {
      if (now - one.since < this.options.limit) return false;
      const progress = this.completions.progress(one.key);
      const same = progress === one.progress;
      one.progress = progress;
      one.since = now;
      return same;
    };
    for (const { giveUp } of this.takeOut(stalled)) giveUp();
  }

  private takeOut(wanted: (one: Waiting) => boolean): Waiting[] {
    const out = this.waiting.filter(wanted);
    if (out.length > 0) this.waiting = this.waiting.filter((one) => !out.includes(one));
    return out;
  }
}

/** `RENAME "/a" "/b"`. */
export function describe(name: string, ...paths: readonly string[]): string {
  return [name.toUpperCase(), ...paths.map((path) => JSON.stringify(path))].join(' ');
}
