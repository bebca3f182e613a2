/** The prefetch threads of one serving thread. Its mounts share them: a walk has a thread while it lasts. */
import { duplicateAll } from '../../sys/files/open.js';
import { PrefetchThread, type StartWorker, startWorker } from './prefetch-thread.js';

/** More threads, of 8 MiB each, would only compete for the disk. */
const MAX_THREADS = 4;

export class PrefetchThreads {
  private readonly threads = new Set<PrefetchThread>();

  constructor(
    private readonly start: StartWorker = startWorker,
    private readonly max = MAX_THREADS,
  ) {}

  /**
   * Starts a thread that does not end when it is idle, and lets it walk `rounds` times through the tree of
   * these roots, so that V8 compiles its code before the first walk of a mount. `roots` stay the caller's.
   * @throws FsError (EMFILE), and the errors of {@link StartWorker}
   */
  startStanding(roots: readonly number[], rounds: number): void {
    const thread = new PrefetchThread(this.start, true);
    this.threads.add(thread);
    const own = duplicateAll(roots);
    thread.reserve();
    // One order: each further one would end the walk of the one before.
    thread.send({ roots: own, root: '', place: [], rounds });
  }

  /**
   * Reserves an order of a thread for the mount `holder`, whose walks it follows from now on: its own thread,
   * an idle one, or a new one. Returns null if all threads are at work for others.
   * @throws the errors of {@link StartWorker}
   */
  reserve(holder: object): PrefetchThread | null {
    this.removeEnded();
    const own = this.threadOf(holder);
    const thread = own ?? [...this.threads].find(({ isIdle }) => isIdle) ?? this.startOne();
    // It can have ended since the search.
    if (thread === null || !thread.reserve()) return null;
    thread.holder = holder;
    return thread;
  }

  /** The thread that follows the walks of a mount. */
  threadOf(holder: object): PrefetchThread | null {
    for (const thread of this.threads) if (thread.holder === holder) return thread;
    return null;
  }

  /** Removes a thread that has died. */
  remove(thread: PrefetchThread): void {
    this.threads.delete(thread);
  }

  /** Lets all threads end when they have done their orders. */
  close(): void {
    for (const thread of this.threads) thread.end();
    this.threads.clear();
  }

  private removeEnded(): void {
    for (const thread of this.threads) {
      if (!thread.hasEnded) continue;
      thread.end();
      this.threads.delete(thread);
    }
  }

  private startOne(): PrefetchThread | null {
    // One that has died never becomes idle.
    if (this.threads.size >= this.max) for (const thread of this.threads) if (!thread.isAlive) this.remove(thread);
    if (this.threads.size >= this.max) return null;
    const thread = new PrefetchThread(this.start, false);
    this.threads.add(thread);
    return thread;
  }
}
