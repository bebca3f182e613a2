/**
 * What a server does when it has nothing to do: it gives back the memory that its work has left. V8 collects
 * garbage only when it wants room for more, and who has forgotten a million nodes and sleeps does not.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** So long without a request is rest, milliseconds: a collection stops the thread. */
export const IDLE_MS = 1000;

/**
 * Less garbage is not worth it, bytes; nor is less than a quarter of what lives, as a collection looks at all
 * of that.
 */
const WORTHWHILE = 4 << 20;
/** About what a node takes with its place in its directory, bytes. */
const NODE = 250;

/** The heap of the calling thread. */
export interface Heap {
  /** Bytes in objects, dead ones that were not collected included; and in pages that the system has given. */
  measure(): { readonly used: number; readonly held: number };
  collect(): void;
}

export class IdleGc {
  /** Requests that had been served when it last looked. */
  private seen = 0;
  private forgotten = 0;
  /** Bytes in use after the last collection. */
  private lives: number;
  /**
   * The last collection found so much that another is due: only that one gives back the pages that are nearly
   * empty now.
   */
  private again = false;

  constructor(private readonly heap: Heap = threadHeap) {
    this.lives = heap.measure().used;
  }

  /**
   * How long to wait for a request before {@link take}, milliseconds; -1: whatever time it takes.
   * @param served how many there were, ever
   */
  patience(served: number): number {
    return served === this.seen && !this.again ? -1 : IDLE_MS;
  }

  /**
   * There was no request for so long.
   * @param forgotten how many nodes the kernel has forgotten, ever
   */
  take(served: number, forgotten: number): void {
    this.seen = served;
    const { used, held } = this.heap.measure();
    const garbage = Math.max(used - this.lives, (forgotten - this.forgotten) * NODE);
    if (!this.again && garbage < Math.max(WORTHWHILE, this.lives / 4)) return;
    this.heap.collect();
    const after = this.heap.measure();
    this.again = Math.max(held - after.held, used - after.used) >= WORTHWHILE;
    this.lives = after.used;
    this.forgotten = forgotten;
  }
}

let collector: (() => void) | null = null;

const threadHeap: Heap = {
  measure() {
    const { used_heap_size: used, total_physical_size: held } = getHeapStatistics();
    return { used, held };
  },
  collect() {
    collector ??= makeCollector();
    collector();
  },
};

/** V8 gives its own function to contexts that are made while this flag is set. */
function makeCollector(): () => void {
  setFlagsFromString('--expose-gc');
  try {
    return runInNewContext('gc') as () => void;
  } finally {
    setFlagsFromString('--no-expose-gc');
  }
}
