/**
 * Detects a walk through a tree (`find`, `du`, `tar`, a backup), and starts the prefetch thread, which reads
 * the next directories. On a cold cache the walk waits for the disk several times in each directory, once for
 * each layer, and the disk and the server are idle in between.
 */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { type LoadedFlag, newLoadedFlag, waitUntilLoaded } from '../../sys/process/loaded-flag.js';
import { threadIds } from '../../sys/process/thread.js';
import type { Layer } from '../layers/layer.js';
import type { DirectoryNode } from '../nodes/node.js';
import { ENDED, Shared, type WalkOrder } from './tree-walk.js';

export interface TreePrefetchData {
  readonly port: MessagePort;
  /** Fds of the lower layers' roots. */
  readonly roots: readonly number[];
  readonly shared: Int32Array;
  readonly loaded: LoadedFlag;
}

export interface PrefetchThread {
  send(order: WalkOrder): void;
  /** Ends the thread; waits until it has loaded its modules. */
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

export class TreePrefetch {
  private readonly shared = new Int32Array(new SharedArrayBuffer(12));
  private thread: PrefetchThread | null = null;
  /** A thread could not be started; it is not tried again. */
  private refused = false;
  /** The directory where the walk began, and how many directories were listed below it. */
  private root: DirectoryNode | null = null;
  private count = 0;

  constructor(
    private readonly lowers: readonly Layer[],
    private readonly start: (roots: readonly number[], shared: Int32Array) => PrefetchThread = startThread,
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

  /** Ends the thread. It has no fd open when this returns, unless a layer hangs. */
  close(): void {
    this.stop();
    if (this.thread === null) return;
    const deadline = performance.now() + END_MS;
    for (;;) {
      const busy = Atomics.load(this.shared, Shared.BUSY);
      const left = deadline - performance.now();
      if (busy <= 0 || left <= 0) break;
      Atomics.wait(this.shared, Shared.BUSY, busy, left);
    }
    this.end();
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
    // A thread that has set ENDED takes no more orders.
    if (Atomics.compareExchange(this.shared, Shared.BUSY, ENDED, 0) === ENDED) this.end();
    try {
      this.thread ??= this.start(
        this.lowers.map((layer) => layer.root.fd),
        this.shared,
      );
    } catch {
      // Too little memory, or too many threads: the union works without prefetching.
      this.refused = true;
      return;
    }
    Atomics.store(this.shared, Shared.SERVED, 0);
    const number = Atomics.add(this.shared, Shared.ORDER, 1) + 1;
    Atomics.add(this.shared, Shared.BUSY, 1);
    this.thread.send({ number, root: (namesBetween(null, root) ?? []).join('/'), place });
  }
}

function startThread(roots: readonly number[], shared: Int32Array): PrefetchThread {
  const { port1, port2 } = new MessageChannel();
  const loaded = newLoadedFlag();
  const data: TreePrefetchData = { port: port2, roots, shared, loaded };
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
  return {
    send: (order) => port1.postMessage(order),
    end: () => {
      waitUntilLoaded(loaded, ids);
      port1.close();
      void worker.terminate();
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
