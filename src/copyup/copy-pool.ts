/** The serving thread's side of the helper threads that copy large files. */
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { Errno } from '../core/errno.js';
import { type LoadedFlag, newLoadedFlag, waitUntilLoaded } from '../sys/process/loaded-flag.js';
import { threadIds } from '../sys/process/thread.js';

/** One file's data to copy. All fds stay the orderer's. */
export interface CopyOrder {
  readonly key: number;
  readonly from: number;
  readonly to: number;
  readonly length: number;
  readonly sparse: boolean;
  readonly sync: boolean;
}

export interface CopyReport {
  readonly key: number;
  /** 0, or why the copy is not complete. */
  readonly errno: number;
  /** What went wrong, if it was no system call that failed. */
  readonly why?: string;
}

/** What a copying thread says: at first who it is, then how each order ended. */
export type CopyThreadMessage = { readonly threadId: number } | CopyReport;

export interface CopyThreadData {
  readonly port: MessagePort;
  /** A timerfd, to be rung after each report. */
  readonly doneFd: number;
  readonly loaded: LoadedFlag;
}

interface CopyThread {
  readonly worker: Worker;
  readonly port: MessagePort;
  readonly loaded: LoadedFlag;
  /** Ids of which one is the thread's: exactly it, once it has said so. */
  ids: readonly number[];
  /** Orders that it has not reported the end of, by key. */
  readonly orders: Set<number>;
}

/**
 * How often somebody should look while orders are under way, because a thread that has died says nothing.
 * Milliseconds.
 */
export const LOOK_MS = 500;

/** Two large copies side by side keep a disk busy; more would only take turns on it. */
const MAX_THREADS = 2;

export class CopyPool {
  private threads: CopyThread[] = [];
  private reports: CopyReport[] = [];

  /** @param doneFd timerfd that is rung after each report */
  constructor(
    private readonly doneFd: number,
    private readonly log: (line: string) => void,
  ) {}

  /** Throws what Node throws if there is no thread, and none can be had. */
  order(order: CopyOrder): void {
    this.look();
    let thread = this.threads.find(({ orders }) => orders.size === 0);
    if (thread === undefined && this.threads.length < MAX_THREADS) thread = this.start();
    thread ??= this.threads.reduce((least, other) => (other.orders.size < least.orders.size ? other : least));
    thread.orders.add(order.key);
    thread.port.postMessage(order);
  }

  /** Reports that have come in. A thread that has died has failed what it was ordered to do. */
  take(): CopyReport[] {
    this.look();
    const { reports } = this;
    this.reports = [];
    return reports;
  }

  /** Ends idle threads; one in the middle of a copy ends with the process. */
  close(): void {
    for (const { port, worker, loaded, ids } of this.threads) {
      waitUntilLoaded(loaded, ids);
      port.close();
      void worker.terminate();
    }
    this.threads = [];
  }

  /** Hears what the threads say, and forgets the dead ones. */
  private look(): void {
    if (this.threads.length === 0) return;
    // Before their messages are read: what a thread has said before it died counts.
    const living = new Set(threadIds());
    this.threads = this.threads.filter((thread) => {
      this.receive(thread);
      const lives = thread.ids.some((id) => living.has(id));
      if (!lives) this.bury(thread);
      return lives;
    });
  }

  private bury({ orders, port }: CopyThread): void {
    this.log('a thread that copies large files has died; the next copy gets another');
    for (const key of orders) this.reports.push({ key, errno: Errno.EIO });
    port.close();
  }

  private receive(thread: CopyThread): void {
    for (;;) {
      const received = receiveMessageOnPort(thread.port) as { message: CopyThreadMessage } | undefined;
      if (received === undefined) return;
      const { message } = received;
      if ('threadId' in message) thread.ids = [message.threadId];
      else {
        thread.orders.delete(message.key);
        if (message.why !== undefined) this.log(`a large file could not be copied up: ${message.why}`);
        this.reports.push(message);
      }
    }
  }

  private start(): CopyThread {
    const { port1, port2 } = new MessageChannel();
    const loaded = newLoadedFlag();
    const data: CopyThreadData = { port: port2, doneFd: this.doneFd, loaded };
    // No event tells us of its end, because our event loop does not turn. It has its id from the constructor
    // on; one that dies while it loads says nothing. Threads that others start at the same moment are told
    // apart by what it says of itself.
    const before = new Set(threadIds());
    const worker = new Worker(new URL('./copy-thread.js', import.meta.url), {
      workerData: data,
      transferList: [port2],
    });
    // Where the loop does turn (fuse-native): what it would throw here is seen by the thread's end.
    worker.on('error', () => {});
    worker.unref();
    const ids = threadIds().filter((id) => !before.has(id));
    const thread = { worker, port: port1, loaded, ids, orders: new Set<number>() };
    this.threads.push(thread);
    return thread;
  }
}
