/**
 * Detects a walk through a tree (`find`, `du`, `tar`, a backup), and starts the prefetch thread, which reads
 * the next directories. On a cold cache the walk waits for the disk several times in each directory, once for
 * each layer, and the disk and the server are idle in between.
 */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { FsError } from '../../core/errno.js';
import { duplicateAll } from '../../sys/files/open.js';
import { type LoadedFlag, newLoadedFlag, waitUntilLoaded } from '../../sys/process/loaded-flag.js';
import { threadIds } from '../../sys/process/thread.js';
import type { Layer } from '../layers/layer.js';
import type { DirectoryNode } from '../nodes/node.js';
import { PrefetchSlots, type SlotHolder } from './prefetch-slots.js';
import { ENDED, Shared, type WalkOrder } from './tree-walk.js';

export interface TreePrefetchData {
  readonly port: MessagePort;
  readonly shared: Int32Array;
  readonly loaded: LoadedFlag;
}

export interface PrefetchOrder extends WalkOrder {
  /** Fds of the lower layers' roots. The thread owns them. */
  readonly roots: readonly number[];
}

/** A message to the thread. `end`: it ends. */
export type PrefetchMessage = PrefetchOrder | 'end';

export interface PrefetchThread {
  /** Whether it still runs. */
  readonly isAlive: boolean;
  send(order: PrefetchOrder): void;
  /**
   * Asks the thread to end; waits until it has loaded its modules. The serving thread cannot end before it.
   * The thread is not terminated, because it would leave its fds open.
   */
  end(): void;
}

/** After this many listings below one directory, it is a walk. */
const LISTINGS_OF_WALK = 16;
/**
 * At each multiple of this number of listings, the thread gets a new order if it has finished the last one.
 * It finishes early when the reader pauses, or when what it reads is in memory already.
 */
const RESTART_INTERVAL = 512;
/**
 * How many milliseconds the end of a mount waits until the thread has closed its fds. On a layer that hangs,
 * the thread cannot close them.
 */
const END_MS = 200;

export class TreePrefetch implements SlotHolder {
  private readonly shared = new Int32Array(new SharedArrayBuffer(12));
  private thread: PrefetchThread | null = null;
  /** A thread could not be started, or has died; it is not tried again. */
  private refused = false;
  /** The directory where the walk began, and how many directories were listed below it. */
  private root: DirectoryNode | null = null;
  private count = 0;

  constructor(
    private readonly lowers: readonly Layer[],
    private readonly slots = new PrefetchSlots(),
    private readonly start: (shared: Int32Array) => PrefetchThread = startThread,
  ) {}

  /** Called when a directory is listed and the cache does not have its listing. */
  noteListing(dir: DirectoryNode): void {
    const place = this.root === null ? null : namesBetween(this.root, dir);
    if (place === null) {
      this.stop();
      this.root = dir;
      this.count = 0;
      return;
    }
    this.count++;
    const isDue =
      this.count === LISTINGS_OF_WALK ||
      (this.count % RESTART_INTERVAL === 0 && Atomics.load(this.shared, Shared.BUSY) <= 0);
    if (isDue) this.send(this.root as DirectoryNode, place);
    else if (this.count > LISTINGS_OF_WALK) {
      Atomics.add(this.shared, Shared.SERVED, 1);
      Atomics.notify(this.shared, Shared.SERVED);
    }
  }

  /** Ends the thread. It has no fd of a layer open when this returns, unless a layer hangs. */
  close(): void {
    this.stop();
    this.slots.leave(this);
    if (this.thread === null) return;
    this.end();
    const deadline = performance.now() + END_MS;
    for (;;) {
      const busy = Atomics.load(this.shared, Shared.BUSY);
      const left = deadline - performance.now();
      if (busy <= 0 || left <= 0) return;
      Atomics.wait(this.shared, Shared.BUSY, busy, left);
    }
  }

  get hasThread(): boolean {
    return this.thread !== null && Atomics.load(this.shared, Shared.BUSY) !== ENDED;
  }

  endIdleThread(): boolean {
    if (Atomics.compareExchange(this.shared, Shared.BUSY, 0, ENDED) !== 0) return false;
    this.end();
    return true;
  }

  private end(): void {
    this.thread?.end();
    this.thread = null;
  }

  private stop(): void {
    if (this.count < LISTINGS_OF_WALK) return;
    Atomics.add(this.shared, Shared.ORDER, 1);
    Atomics.notify(this.shared, Shared.SERVED);
  }

  private send(root: DirectoryNode, place: readonly string[]): void {
    if (this.refused) return;
    this.reserve();
    const roots = this.readyRoots();
    if (roots === null) {
      Atomics.sub(this.shared, Shared.BUSY, 1);
      return;
    }
    Atomics.store(this.shared, Shared.SERVED, 0);
    const number = Atomics.add(this.shared, Shared.ORDER, 1) + 1;
    this.thread?.send({ number, roots, root: (namesBetween(null, root) ?? []).join('/'), place });
  }

  /** Counts one more order, so that the thread does not end itself before it has got the order. */
  private reserve(): void {
    for (;;) {
      const busy = Atomics.load(this.shared, Shared.BUSY);
      if (busy === ENDED) {
        // A thread that has set ENDED takes no more orders.
        this.end();
        Atomics.store(this.shared, Shared.BUSY, 0);
      } else if (Atomics.compareExchange(this.shared, Shared.BUSY, busy, busy + 1) === busy) return;
    }
  }

  /**
   * Makes sure that there is a thread, and duplicates the fds of the layers' roots for it: the mount can end
   * and close its own, and other files get their numbers. Returns null if that is impossible.
   */
  private readyRoots(): readonly number[] | null {
    if (this.thread === null && !this.slots.take(this)) return null;
    try {
      this.thread ??= this.start(this.shared);
      if (this.thread.isAlive) return duplicateAll(this.lowers.map(({ root }) => root.fd));
    } catch (error) {
      // EMFILE can pass.
      if (error instanceof FsError) return null;
      // Too little memory, or too many threads: the union works without prefetching.
    }
    this.refused = true;
    return null;
  }
}

function startThread(shared: Int32Array): PrefetchThread {
  const { port1, port2 } = new MessageChannel();
  const loaded = newLoadedFlag();
  const data: TreePrefetchData = { port: port2, shared, loaded };
  const before = new Set(threadIds());
  const worker = new Worker(new URL('./tree-thread.js', import.meta.url), {
    workerData: data,
    transferList: [port2],
    // The thread holds only the names of one directory and of the directories to read next.
    resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 32 },
  });
  // With fuse-native this thread runs its event loop, and would throw the error. Without the thread nothing
  // is prefetched, and nothing else changes.
  worker.on('error', () => {});
  worker.unref();
  port1.unref();
  const ids = threadIds().filter((id) => !before.has(id));
  const send = (order: PrefetchMessage): void => port1.postMessage(order);
  return {
    get isAlive() {
      const living = threadIds();
      return ids.some((id) => living.includes(id));
    },
    send,
    end: () => {
      waitUntilLoaded(loaded, ids);
      worker.ref();
      send('end');
    },
  };
}

/** The names on the path from `above` (null: the root) to `dir`; null: `dir` is not below `above`. */
function namesBetween(above: DirectoryNode | null, dir: DirectoryNode): string[] | null {
  const names: string[] = [];
  for (let at = dir; at !== above; at = at.parent) {
    if (at.parent === null) return above === null ? names.reverse() : null;
    names.push(at.name);
  }
  return names.reverse();
}
