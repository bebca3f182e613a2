/**
 * Collects garbage when the server is idle. V8 collects only when it needs room for new objects. An idle
 * server allocates nothing, so after a million nodes are forgotten V8 would keep their memory.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** After this many milliseconds without a request the server is idle. (A collection blocks the thread.) */
export const IDLE_MS = 1000;

/**
 * Least garbage in bytes for a collection. It must also be a quarter of the live objects, because a
 * collection visits all of them.
 */
const WORTHWHILE = 4 << 20;
/** About how many bytes a node and its entry in its directory have. */
const NODE = 250;

let collector: (() => void) | null = null;

/** The heap of the calling thread. */
export class ThreadHeap {
  /**
   * In bytes: `used` by objects, dead ones included that are not collected yet; `held` in pages of the
   * system.
   */
  measure(): { readonly used: number; readonly held: number } {
    const { used_heap_size: used, total_physical_size: held } = getHeapStatistics();
    return { used, held };
  }

  collect(): void {
    collector ??= makeCollector();
    collector();
  }
}

export class IdleGc {
  /** How many requests had been served at the last {@link run}. */
  private served = 0;
  private forgotten = 0;
  /** Bytes in use after the last collection. */
  private live: number;
  /**
   * The last collection freed so much that one more is due. Only that one frees the pages that are nearly
   * empty.
   */
  private isRepeated = false;

  constructor(private readonly heap = new ThreadHeap()) {
    this.live = heap.measure().used;
  }

  /**
   * How many milliseconds without a request to wait before {@link run}; -1: without limit.
   * @param served how many requests have been served so far
   */
  delay(served: number): number {
    return served === this.served && !this.isRepeated ? -1 : IDLE_MS;
  }

  /**
   * Collects the garbage if there is enough. Call it when no request has arrived within {@link delay}.
   * @param served how many requests have been served so far
   * @param forgotten how many nodes the kernel has forgotten so far
   */
  run(served: number, forgotten: number): void {
    this.served = served;
    const { used, held } = this.heap.measure();
    const garbage = Math.max(used - this.live, (forgotten - this.forgotten) * NODE);
    if (!this.isRepeated && garbage < Math.max(WORTHWHILE, this.live / 4)) return;
    this.heap.collect();
    const after = this.heap.measure();
    this.isRepeated = Math.max(held - after.held, used - after.used) >= WORTHWHILE;
    this.live = after.used;
    this.forgotten = forgotten;
  }
}

/** V8 adds its function `gc` to contexts that are made while the flag is set. */
function makeCollector(): () => void {
  setFlagsFromString('--expose-gc');
  try {
    return runInNewContext('gc') as () => void;
  } finally {
    setFlagsFromString('--no-expose-gc');
  }
}
