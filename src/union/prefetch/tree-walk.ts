/**
 * The walk of a scout through a tree: the directories that a reader who follows the listings will reach next,
 * in that order.
 */
import type { EntryName } from '../../core/brand.js';
import { cookieOf } from '../nodes/listing.js';

/**
 * Walk `root` from behind `place` on: a path from the layers' roots, and the names that lead from there to
 * the reader.
 */
export interface WalkOrder {
  readonly number: number;
  readonly root: string;
  readonly place: readonly string[];
}

/** What the two threads tell each other by words of shared memory. */
export const Shared = {
  /** Directories that the reader has listed since the order. */
  SERVED: 0,
  /** Number of the order that holds; any other one has ended. */
  ORDER: 1,
  /** Orders that have been sent and not been finished: while there are any the thread may have fds open. */
  BUSY: 2,
} as const;

/** In the place of {@link Shared.BUSY}: the thread has ended itself, because nobody had an order for it. */
export const ENDED = -1;

/** How the scout looks at a directory: all layers' lists of it, and with `stats` what they list. */
export interface TreeReader {
  /** Returns the names of the directories in it. */
  look(path: string, stats: boolean): Iterable<EntryName>;
  /**
   * What has been looked at with `stats` since the last call was in memory already, so that nothing is
   * gained.
   */
  isInMemory(): boolean;
}

/** How many directories to be ahead of the reader. */
export const AHEAD = 64;
/** Directories that wait to be walked; of a wider tree some are left out. */
const MAX_PENDING = 4096;

export class TreeWalk {
  /** Paths from the layers' roots, the next one last. */
  private readonly pending: string[] = [];
  private walked = 0;

  /**
   * @param patience milliseconds: who has not listed a directory for so long is no reader to walk ahead of
   */
  constructor(
    private readonly order: WalkOrder,
    private readonly shared: Int32Array,
    private readonly eyes: TreeReader,
    private readonly patience: number,
  ) {}

  /** Returns when the tree, the order or the reader's interest has ended. */
  run(): void {
    if (!this.holds) return;
    this.begin();
    for (let path = this.pending.pop(); path !== undefined; path = this.pending.pop()) {
      if (!this.mayGoOn()) return;
      // What the reader has passed meanwhile is only a way to what is next.
      const isAhead = this.walked >= this.served;
      this.push(path, 0, isAhead);
      this.walked++;
      if (this.eyes.isInMemory()) return;
    }
  }

  /**
   * What comes after the reader's place in the order of the listings: behind it at each level, then what is
   * below it.
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

  /** Looks at a directory, and keeps for later those in it that come after `cookie`. */
  private push(path: string, after: number, stats: boolean): void {
    const later: { name: EntryName; cookie: number }[] = [];
    for (const name of this.eyes.look(path, stats)) {
      const cookie = cookieOf(name);
      if (cookie > after) later.push({ name, cookie });
    }
    later.sort((a, b) => b.cookie - a.cookie);
    for (const { name } of later) if (this.pending.length < MAX_PENDING) this.pending.push(join(path, name));
  }

  /** Waits until the reader has come close. False: there is nobody to walk ahead of. */
  private mayGoOn(): boolean {
    while (this.holds) {
      const { served } = this;
      if (this.walked - served < AHEAD) return true;
      if (Atomics.wait(this.shared, Shared.SERVED, served, this.patience) === 'timed-out') return false;
    }
    return false;
  }

  private get holds(): boolean {
    return Atomics.load(this.shared, Shared.ORDER) === this.order.number;
  }

  private get served(): number {
    return Atomics.load(this.shared, Shared.SERVED);
  }
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}/${name}`;
}
