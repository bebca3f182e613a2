/**
 * Detects a walk through a tree (`find`, `du`, `tar`, a backup), and starts the prefetch thread, which reads
 * the next directories. On a cold cache the walk waits for the disk several times in each directory, once for
 * each layer, and the disk and the server are idle in between.
 */
import { FsError } from '../../core/errno.js';
import { duplicateAll } from '../../sys/files/open.js';
import type { Layer } from '../layers/layer.js';
import type { DirectoryNode } from '../nodes/node.js';
import type { PrefetchThread } from './prefetch-thread.js';
import { PrefetchThreads } from './prefetch-threads.js';

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
  private readonly threads: PrefetchThreads;
  private readonly ownsThreads: boolean;
  /** Follows the walks of this mount, until another mount gets it while it is idle. */
  private thread: PrefetchThread | null = null;
  /** A thread could not be started, or has died; none is tried again. */
  private refused = false;
  /** The directory where the walk began, and how many directories were listed below it. */
  private root: DirectoryNode | null = null;
  private count = 0;

  /** @param shared the threads of the serving thread; absent: this mount has its own */
  constructor(
    private readonly lowers: readonly Layer[],
    shared?: PrefetchThreads,
  ) {
    this.threads = shared ?? new PrefetchThreads();
    this.ownsThreads = shared === undefined;
  }

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
      this.count === LISTINGS_OF_WALK || (this.count % RESTART_INTERVAL === 0 && this.ownThread?.isIdle !== false);
    if (isDue) this.send(this.root as DirectoryNode, place);
    else if (this.count > LISTINGS_OF_WALK) this.ownThread?.noteServed();
  }

  /** No thread has an fd of a layer open when this returns, unless a layer hangs. */
  close(): void {
    this.stop();
    const thread = this.ownThread;
    if (this.ownsThreads) this.threads.close();
    if (thread === null) return;
    thread.waitUntilIdle(END_MS);
    thread.holder = null;
    this.thread = null;
  }

  private get ownThread(): PrefetchThread | null {
    return this.thread?.holder === this ? this.thread : null;
  }

  private stop(): void {
    if (this.count >= LISTINGS_OF_WALK) this.ownThread?.stop();
  }

  /**
   * Sends an order to a thread. The thread gets duplicates of the fds of the layers' roots: the mount can end
   * and close its own, and other files get their numbers.
   */
  private send(root: DirectoryNode, place: readonly string[]): void {
    const thread = this.reserveThread();
    if (thread === null) return;
    try {
      const roots = duplicateAll(this.lowers.map(({ root }) => root.fd));
      thread.send({ roots, root: (namesBetween(null, root) ?? []).join('/'), place, rounds: 1 });
    } catch (error) {
      thread.cancel();
      // EMFILE can pass.
      if (!(error instanceof FsError)) throw error;
    }
  }

  /** Returns null if no thread is free, or none can be started: the union works without prefetching. */
  private reserveThread(): PrefetchThread | null {
    if (this.refused) return null;
    try {
      this.thread = this.threads.reserve(this);
    } catch {
      // Too little memory, or too many threads.
      this.refused = true;
      return null;
    }
    if (this.thread?.isAlive !== false) return this.thread;
    this.threads.remove(this.thread);
    this.thread = null;
    this.refused = true;
    return null;
  }
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
