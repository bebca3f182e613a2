/** A prefetch thread, as the serving thread sees it: it gets orders, and can belong to a mount. */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { type LoadedFlag, newLoadedFlag, waitUntilLoaded } from '../../sys/process/loaded-flag.js';
import { threadIds } from '../../sys/process/thread.js';
import { ENDED, Shared, type WalkOrder } from './tree-walk.js';

export interface PrefetchThreadData {
  readonly port: MessagePort;
  readonly shared: Int32Array;
  readonly loaded: LoadedFlag;
  /** Whether it waits for orders forever. Otherwise it ends if it has none for a while. */
  readonly stays: boolean;
}

export interface PrefetchOrder extends WalkOrder {
  /** Fds of the lower layers' roots. The thread owns them. */
  readonly roots: readonly number[];
  /** How often the thread walks: more than once only to warm its code up. */
  readonly rounds: number;
}

/** A message to the thread. `end`: it ends. */
export type PrefetchMessage = PrefetchOrder | 'end';

/** The worker of a prefetch thread. */
export interface PrefetchWorker {
  /** Whether it still runs. */
  readonly isAlive: boolean;
  send(order: PrefetchOrder): void;
  /**
   * Asks the thread to end; waits until it has loaded its modules. The serving thread cannot end before it.
   * The thread is not terminated, because it would leave its fds open.
   */
  end(): void;
}

/** @throws the error of Node: too little memory, or too many threads */
export type StartWorker = (shared: Int32Array, stays: boolean) => PrefetchWorker;

export class PrefetchThread {
  /** See {@link Shared}. The thread and this object change it. */
  private readonly shared = new Int32Array(new SharedArrayBuffer(12));
  private readonly worker: PrefetchWorker;
  /** The mount whose walk it follows, or followed last; null: that mount has ended, or there was none. */
  holder: object | null = null;

  constructor(start: StartWorker, stays: boolean) {
    this.worker = start(this.shared, stays);
  }

  get isAlive(): boolean {
    return this.worker.isAlive;
  }

  /** Whether it has ended itself because it had no order for a while. */
  get hasEnded(): boolean {
    return Atomics.load(this.shared, Shared.BUSY) === ENDED;
  }

  /** Whether it has no order, and so no fd open. */
  get isIdle(): boolean {
    return Atomics.load(this.shared, Shared.BUSY) <= 0;
  }

  /**
   * Counts one more order, so that the thread does not end itself before it has got the order: see
   * {@link send} and {@link cancel}. Returns false if it has ended.
   */
  reserve(): boolean {
    for (;;) {
      const busy = Atomics.load(this.shared, Shared.BUSY);
      if (busy === ENDED) return false;
      if (Atomics.compareExchange(this.shared, Shared.BUSY, busy, busy + 1) === busy) return true;
    }
  }

  /** Takes back a {@link reserve}. */
  cancel(): void {
    Atomics.sub(this.shared, Shared.BUSY, 1);
  }

  /** Sends a reserved order. It ends the walk of the order before. */
  send(order: Omit<PrefetchOrder, 'number'>): void {
    Atomics.store(this.shared, Shared.SERVED, 0);
    const number = Atomics.add(this.shared, Shared.ORDER, 1) + 1;
    this.worker.send({ ...order, number });
  }

  /** Notes that the reader has listed a directory since the order. */
  noteServed(): void {
    Atomics.add(this.shared, Shared.SERVED, 1);
    Atomics.notify(this.shared, Shared.SERVED);
  }

  /** Ends the walks of all orders. */
  stop(): void {
    Atomics.add(this.shared, Shared.ORDER, 1);
    Atomics.notify(this.shared, Shared.SERVED);
  }

  /** Waits until the thread has no order and no fd open, at most for `ms` milliseconds. */
  waitUntilIdle(ms: number): void {
    const deadline = performance.now() + ms;
    for (;;) {
      const busy = Atomics.load(this.shared, Shared.BUSY);
      const left = deadline - performance.now();
      if (busy <= 0 || left <= 0) return;
      Atomics.wait(this.shared, Shared.BUSY, busy, left);
    }
  }

  /** Lets the thread end when it has done its orders. It gets no more. */
  end(): void {
    this.worker.end();
  }
}

/** The {@link StartWorker} that starts a real thread. */
export function startWorker(shared: Int32Array, stays: boolean): PrefetchWorker {
  const { port1, port2 } = new MessageChannel();
  const loaded = newLoadedFlag();
  const data: PrefetchThreadData = { port: port2, shared, loaded, stays };
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
