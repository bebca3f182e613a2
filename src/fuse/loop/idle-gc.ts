/**
 * Collects garbage when the server is idle. V8 collects only when it needs room for new objects. An idle
 * server allocates nothing, so after a million nodes are forgotten V8 would keep their memory.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * The server is idle after this many milliseconds without a request. A collection blocks the thread, so it
 * would delay requests at other times.
 */
export const IDLE_MS = 1000;

/**
 * The least number of bytes of garbage for a collection. The garbage must also be at least a quarter of the
 * live objects, because a collection visits all of these.
 */
const WORTHWHILE = 4 << 20;
/** About how many bytes a node and its entry in its directory occupy. */
const NODE_BYTES = 250;

let collector: (() => void) | null = null;

/** The heap of the calling thread. */
export class ThreadHeap {
  /**
   * In bytes. `used`: by objects, also by dead ones that are not collected yet. `held`: in pages that the
   * process has from the system.
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
   * The last collection freed so much that another one is due: only the second one frees pages that are
   * nearly empty.
   */
  private isAnotherDue = false;

  constructor(private readonly heap = new ThreadHeap()) {
    this.live = heap.measure().used;
  }

  /**
   * How many milliseconds without a request to wait before {@link run}; -1: without limit.
   * @param served how many requests have been served so far
   */
  delay(served: number): number {
    return served === this.served && !this.isAnotherDue ? -1 : IDLE_MS;
  }

  /**
   * Collects the garbage if there is enough. Call it when no request has arrived within {@link delay}.
   * @param served how many requests have been served so far
   * @param forgotten how many nodes the kernel has forgotten so far
   */
  run(served: number, forgotten: number): void {
    this.served = served;
    const { used, held } = this.heap.measure();
    const garbage = Math.max(used - this.live, (forgotten - this.forgotten) * NODE_BYTES);
    if (!this.isAnotherDue && garbage < Math.max(WORTHWHILE, this.live / 4)) return;
    this.heap.collect();
    const after = this.heap.measure();
    this.isAnotherDue = Math.max(held - after.held, used - after.used) >= WORTHWHILE;
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
