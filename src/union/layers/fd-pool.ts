/**
 * The file descriptors that several unions of one process share (`plyfs serve`). Half of them are for open
 * files of whichever union needs them. A quarter is divided evenly, so that no union can take the last fds of
 * another; the last quarter, for cached directories, too. The numbers are in shared memory, because unions of
 * different threads share them.
 */

/** Bounds the memory that the cache of directories reserves for its entries, if the limit is very high. */
const MAX_DIRECTORIES = 8192;

/** Indexes in the shared memory. */
const Word = {
  /** How many fds the unions can have together. */
  LIMIT: 0,
  UNIONS: 1,
  /** Open files of all unions. */
  FILES: 2,
} as const;

export class FdPool {
  private readonly words: Int32Array;

  /** @param memory that of another {@link FdPool} of this process */
  constructor(readonly memory: SharedArrayBuffer) {
    this.words = new Int32Array(memory);
  }

  /** @param limit how many fds the unions can have together */
  static make(limit: number): FdPool {
    const pool = new FdPool(new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT));
    pool.words[Word.LIMIT] = Math.min(limit, 2 ** 31 - 1);
    return pool;
  }

  /** @param fixed how many fds the union needs besides files and cached directories */
  join(fixed: number): void {
    Atomics.sub(this.words, Word.LIMIT, fixed);
    Atomics.add(this.words, Word.UNIONS, 1);
  }

  /** @param files how many files of the union are open */
  leave(fixed: number, files: number): void {
    Atomics.add(this.words, Word.LIMIT, fixed);
    Atomics.sub(this.words, Word.UNIONS, 1);
    Atomics.sub(this.words, Word.FILES, files);
  }

  fileOpened(): void {
    Atomics.add(this.words, Word.FILES, 1);
  }

  fileClosed(): void {
    Atomics.sub(this.words, Word.FILES, 1);
  }

  /** Whether a union that has `own` files open can open one more. */
  canOpen(own: number): boolean {
    return own < this.quarter() || Atomics.load(this.words, Word.FILES) < this.limit / 2;
  }

  /** How many directories each union can keep open. */
  get directories(): number {
    return Math.min(MAX_DIRECTORIES, this.quarter());
  }

  private get limit(): number {
    return Math.max(0, Atomics.load(this.words, Word.LIMIT));
  }

  /** An even part of a quarter of the fds. */
  private quarter(): number {
    return Math.floor(this.limit / 4 / Math.max(1, Atomics.load(this.words, Word.UNIONS)));
  }
}
