/** The helper threads that copy large files for the mounts of one serving thread. */
import { Errno, FsError } from '../../core/errno.js';
import { close, duplicateAll } from '../../sys/files/open.js';
import { threadIds } from '../../sys/process/thread.js';
import { ringTimer } from '../../sys/waiting/timerfd.js';
import { CHECK_MS, type CopyOrder, type CopyTask, TaskState } from './copy-message.js';
import { CopyQueue, type GivenTask } from './copy-queue.js';
import { CopyWorker } from './copy-worker.js';

/** Two large copies keep a disk busy. More would only compete for it. */
const MAX_THREADS = 2;
/** A thread that has no task for so many milliseconds ends, which frees its memory. */
const IDLE_MS = 10_000;

export interface CopyPoolOptions {
  readonly idleMs?: number;
  /**
   * Called when a thread has ended, so that the serving thread lets its event loop run: only then does Node
   * free the stack of the thread.
   */
  readonly onThreadEnd?: () => void;
}

export class CopyPool {
  private workers: CopyWorker[] = [];
  /** In the order of their next turn. */
  private readonly queues = new Set<CopyQueue>();
  private readonly given = new Map<number, GivenTask>();
  private nextId = 1;

  constructor(private readonly options: CopyPoolOptions = {}) {}

  /**
   * Makes the queue of a mount.
   * @param doneFd timerfd that becomes readable after each report
   */
  join(doneFd: number, log: (line: string) => void): CopyQueue {
    const queue = new CopyQueue(doneFd, log);
    this.queues.add(queue);
    return queue;
  }

  /**
   * Cancels the orders of a mount. The files of its running orders are not written any more when this
   * returns, unless a layer hangs. The threads own duplicates, so the caller can close its fds anyway.
   */
  leave(queue: CopyQueue): void {
    this.queues.delete(queue);
    queue.cancel();
  }

  /** Takes an order. Throws Node's error if there is no thread and none can be started. */
  submit(queue: CopyQueue, order: CopyOrder): void {
    this.receiveAll();
    queue.waiting.push(order);
    try {
      this.assign();
    } catch (error) {
      queue.waiting.splice(queue.waiting.indexOf(order), 1);
      throw error;
    }
  }

  /** Returns the reports since the last call. The tasks of a dead thread are reported as failed (EIO). */
  takeReports(queue: CopyQueue): { readonly key: number; readonly errno: number }[] {
    this.receiveAll();
    try {
      this.assign();
    } catch (error) {
      // Without a thread the waiting orders of all mounts fail.
      for (const each of this.queues) this.failWaiting(each, String(error));
    }
    return queue.reports.splice(0);
  }

  /** Ends the threads. All mounts have left. */
  close(): void {
    this.receiveAll();
    for (const worker of this.workers) worker.end();
    this.workers = [];
  }

  /** Gives waiting orders to threads, of each mount in turn. */
  private assign(): void {
    for (;;) {
      const queue = [...this.queues].find((each) => each.isReady);
      if (queue === undefined) return;
      const worker = this.freeWorker();
      const order = queue.waiting.shift() as CopyOrder;
      this.queues.delete(queue);
      this.queues.add(queue);
      try {
        this.give(worker, queue, order);
      } catch (error) {
        if (!(error instanceof FsError)) throw error;
        // EMFILE: there are no fds for the duplicates.
        worker.release();
        this.report(queue, order.key, error.errno);
      }
    }
  }

  private give(worker: CopyWorker, queue: CopyQueue, order: CopyOrder): void {
    const [from, to, wake] = duplicateAll([order.from, order.to, queue.doneFd]) as [number, number, number];
    const { key, ...rest } = order;
    const id = this.nextId++;
    const task: CopyTask = { ...rest, id, from, to, wake, state: new Int32Array(new SharedArrayBuffer(4)) };
    const given = { queue, key, task, worker };
    this.given.set(id, given);
    queue.running.add(given);
    worker.give(task);
  }

  /** The thread for the next task, which does not end before it has got the task. */
  private freeWorker(): CopyWorker {
    this.workers = this.workers.filter((worker) => !this.dropEnded(worker));
    const idle = this.workers.find((worker) => worker.reserve(0));
    if (idle !== undefined) return idle;
    if (this.workers.length < MAX_THREADS) {
      try {
        const worker = new CopyWorker(this.options.idleMs ?? IDLE_MS);
        worker.reserve(0);
        this.workers.push(worker);
        return worker;
      } catch (error) {
        if (this.workers.length === 0) throw error;
      }
    }
    const least = this.workers.reduce((one, other) => (other.tasks < one.tasks ? other : one));
    return least.reserve() ? least : this.freeWorker();
  }

  private dropEnded(worker: CopyWorker): boolean {
    if (!worker.hasEnded) return false;
    worker.forget();
    this.options.onThreadEnd?.();
    return true;
  }

  /** Receives the messages of all threads, and removes dead threads. */
  private receiveAll(): void {
    if (this.workers.length === 0) return;
    // The living threads are listed before the messages are received. So the last messages of a thread that
    // is not in the list are received too.
    const living = new Set(threadIds());
    this.workers = this.workers.filter((worker) => {
      this.receive(worker);
      if (this.dropEnded(worker)) return false;
      const isAlive = worker.isAmong(living);
      if (!isAlive) this.failTasks(worker);
      return isAlive;
    });
  }

  private receive(worker: CopyWorker): void {
    for (const { id, errno, why } of worker.takeReports()) {
      const given = this.given.get(id);
      if (given === undefined) continue;
      if (why !== undefined) given.queue.log(`a large file could not be copied up: ${why}`);
      this.finish(given, errno);
    }
  }

  /** Fails the tasks of a dead thread, and closes their fds, which nobody uses any more. */
  private failTasks(worker: CopyWorker): void {
    const tasks = [...this.given.values()].filter((given) => given.worker === worker);
    for (const log of new Set(tasks.map(({ queue }) => queue.log))) {
      log('a thread that copies large files has died; the next copy starts another');
    }
    for (const given of tasks) {
      const { from, to, wake, state } = given.task;
      if (Atomics.exchange(state, 0, TaskState.RELEASED) < TaskState.CLOSING) {
        for (const fd of [from, to, wake]) close(fd);
      }
      this.finish(given, Errno.EIO);
    }
    worker.forget();
    this.options.onThreadEnd?.();
  }

  private finish(given: GivenTask, errno: number): void {
    const { queue, key, task } = given;
    this.given.delete(task.id);
    queue.running.delete(given);
    this.report(queue, key, errno);
  }

  /** A report can belong to another mount than the one that receives the messages, so that one is woken. */
  private report(queue: CopyQueue, key: number, errno: number): void {
    if (!this.queues.has(queue)) return;
    queue.reports.push({ key, errno });
    ringTimer(queue.doneFd, CHECK_MS);
  }

  private failWaiting(queue: CopyQueue, why: string): void {
    if (queue.waiting.length > 0) queue.log(`a large file could not be copied up: ${why}`);
    for (const { key } of queue.waiting.splice(0)) this.report(queue, key, Errno.EIO);
  }
}
