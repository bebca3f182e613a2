/**
 * The order in which the prefetch thread reads directories: the order in which a reader that follows the
 * listings will reach them.
 */
import type { EntryName } from '../../core/brand.js';
import { cookieOf } from '../nodes/listing.js';

/** Asks for a walk through `root`, beginning after the reader's place in it. */
export interface WalkOrder {
  readonly number: number;
  /** A path from the layers' roots. */
  readonly root: string;
  /** The names that lead from `root` to the directory that the reader listed last. */
  readonly place: readonly string[];
}

/** Words of memory that the two threads share. */
export const Shared = {
  /** How many directories the reader has listed since the order. */
  SERVED: 0,
  /** Number of the valid order. A walk for any other order ends. */
  ORDER: 1,
  /** How many orders were sent and are not finished. Unless it is 0, the thread can have fds open. */
  BUSY: 2,
} as const;

/** Value of {@link Shared.BUSY} when the thread has ended itself because it had no order for a while. */
export const ENDED = -1;

/** Reads a directory in all layers, and with `stats` also stats its entries. */
export interface TreeReader {
  /** Returns the names of the subdirectories. */
  read(path: string, stats: boolean): Iterable<EntryName>;
  /**
   * Whether everything read with `stats` since the last call was in memory already: prefetching gains
   * nothing.
   */
  isInMemory(): boolean;
}

/** How many directories the walk is ahead of the reader. */
export const AHEAD = 64;
/** How many directories can wait to be read. In a wider tree some are skipped. */
const MAX_PENDING = 4096;

/**
 * Walks as often as the order asks for, or until it is no longer valid.
 * @param makeReader called for each round
 */
export function walkRounds(
  order: WalkOrder & { readonly rounds: number },
  shared: Int32Array,
  makeReader: () => TreeReader,
  readerTimeoutMs: number,
): void {
  for (let round = 0; round < order.rounds; round++) {
    new TreeWalk(order, shared, makeReader(), readerTimeoutMs).run();
  }
}

export class TreeWalk {
  /** Paths from the layers' roots, the next one last. */
  private readonly pending: string[] = [];
  private walked = 0;

  /**
   * @param readerTimeoutMs the walk ends if the reader lists no directory for this long
   */
  constructor(
    private readonly order: WalkOrder,
    private readonly shared: Int32Array,
    private readonly reader: TreeReader,
    private readonly readerTimeoutMs: number,
  ) {}

  /** Walks until the tree ends, the order is no longer valid, or the reader has stopped. */
  run(): void {
    if (!this.isValid) return;
    this.begin();
    for (let path = this.pending.pop(); path !== undefined; path = this.pending.pop()) {
      if (!this.waitForReader()) return;
      // The reader has passed the other directories already: only their subdirectories are of use.
      const isAhead = this.walked >= this.served;
      this.push(path, 0, isAhead);
      this.walked++;
      if (this.reader.isInMemory()) return;
    }
  }

  /**
   * Adds the directories after the reader's place: those that follow it at each level, and those below it.
   */
  private begin(): void {
    const { root, place } = this.order;
    let path = root;
    for (const name of place) {
      this.push(path, cookieOf(name as EntryName), false);
      path = join(path, name);
    }
    this.push(path, 0, false);
  }

  /** Reads a directory, and adds its subdirectories whose cookie is greater than `after`. */
  private push(path: string, after: number, stats: boolean): void {
    const later: { name: EntryName; cookie: number }[] = [];
    for (const name of this.reader.read(path, stats)) {
      const cookie = cookieOf(name);
      if (cookie > after) later.push({ name, cookie });
    }
    later.sort((a, b) => b.cookie - a.cookie);
    for (const { name } of later) if (this.pending.length < MAX_PENDING) this.pending.push(join(path, name));
  }

  /**
   * Waits while the walk is far enough ahead. Returns false if the order is not valid or the reader has
   * stopped.
   */
  private waitForReader(): boolean {
    while (this.isValid) {
      const { served } = this;
      if (this.walked - served < AHEAD) return true;
      if (Atomics.wait(this.shared, Shared.SERVED, served, this.readerTimeoutMs) === 'timed-out') return false;
    }
    return false;
  }

  private get isValid(): boolean {
    return Atomics.load(this.shared, Shared.ORDER) === this.order.number;
  }

  private get served(): number {
    return Atomics.load(this.shared, Shared.SERVED);
  }
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}/${name}`;
}
