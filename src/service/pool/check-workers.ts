/** The checking threads, as the main thread sees them. */
import { Worker } from 'node:worker_threads';
import { asMountError } from '../../server/config/mount-error.js';
import type { CheckOrder, CheckReport } from './pool-message.js';

const LIMITS = {
  /**
   * If an order waits for this many milliseconds because all threads are at work, another thread is started:
   * they hang, or many mounts come at once.
   */
  patienceMs: 200,
  /**
   * With so many threads at work, further orders wait. Each thread can hang for as long as the service runs.
   */
  maxThreads: 16,
  /**
   * With so many threads at work, an order to check a mount is given up if none of them has answered for this
   * many milliseconds: they wait for the file systems of other mounts.
   */
  stuckMs: 2000,
};

/** The answer to an order. `stuck`: no thread has had time for it. */
export type CheckAnswer =
  | Exclude<CheckReport, { kind: 'started' | 'line' }>
  | { readonly kind: 'stuck'; readonly id: number };

export interface CheckCallbacks {
  line(line: string): void;
  done(answer: CheckAnswer): void;
}

interface Job {
  readonly order: CheckOrder;
  readonly givenAt: number;
  readonly callbacks: CheckCallbacks;
}

interface CheckWorker {
  readonly worker: Worker;
  job: Job | undefined;
}

export class CheckWorkers {
  private readonly workers: CheckWorker[] = [];
  private readonly waiting: Job[] = [];
  /** Runs while orders wait, from the last answer on. */
  private timer: NodeJS.Timeout | undefined;
  private answeredAt = 0;
  private isClosed = false;

  constructor(
    private readonly program = new URL('./check-thread.js', import.meta.url),
    private readonly limits = LIMITS,
  ) {
    this.start();
  }

  /** Gives an order to a thread that has none, as soon as there is one. */
  give(order: CheckOrder, callbacks: CheckCallbacks): void {
    this.waiting.push({ order, callbacks, givenAt: performance.now() });
    this.next();
  }

  /** Ends the threads that have nothing to do. Those that hang end with the process. */
  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
    for (const { worker, job } of this.workers) {
      if (job === undefined) worker.postMessage(null);
      else worker.unref();
    }
  }

  private next(): void {
    for (const free of this.workers.filter(({ job }) => job === undefined)) {
      const job = this.waiting.shift();
      if (job === undefined) break;
      free.job = job;
      free.worker.postMessage(job.order);
    }
    if (this.waiting.length === 0) this.stopTimer();
    else if (this.workers.length === 0) this.addThread();
    else this.timer ??= setTimeout(() => this.relieve(), this.limits.patienceMs);
  }

  private stopTimer(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  /** All threads have been at work for a while. */
  private relieve(): void {
    this.timer = undefined;
    if (this.workers.length >= this.limits.maxThreads || !this.addThread()) this.giveUp();
    this.next();
  }

  /** Answers the orders that have waited for too long. To unmount is not given up: nobody else can do it. */
  private giveUp(): void {
    const since = performance.now() - this.limits.stuckMs;
    if (this.answeredAt > since) return;
    for (const job of [...this.waiting]) {
      const { order, givenAt, callbacks } = job;
      if (order.kind !== 'check' || givenAt > since) continue;
      this.waiting.splice(this.waiting.indexOf(job), 1);
      callbacks.done({ kind: 'stuck', id: order.id });
    }
  }

  /**
   * Starts another thread. Returns false if that is not possible: then the orders wait for those that exist,
   * or fail if there is none.
   */
  private addThread(): boolean {
    try {
      this.start();
    } catch (error) {
      if (this.workers.length > 0) return false;
      const { message, errno } = asMountError(error, 'server');
      for (const { order, callbacks } of this.waiting.splice(0)) {
        callbacks.done({ kind: 'refused', id: order.id, message, errno });
      }
      return false;
    }
    this.next();
    return true;
  }

  private start(): void {
    const worker = new Worker(this.program, {
      execArgv: [],
      // Otherwise Node closes the logs that the thread has opened when the thread ends.
      trackUnmanagedFds: false,
      resourceLimits: { maxYoungGenerationSizeMb: 2 },
    });
    const started: CheckWorker = { worker, job: undefined };
    this.workers.push(started);
    worker.on('message', (report: CheckReport) => this.receive(started, report));
    worker.on('error', (error: Error) => this.fail(started, `the checking thread has failed: ${error.message}`));
    worker.on('exit', () => this.fail(started, 'the checking thread has ended'));
  }

  private receive(from: CheckWorker, report: CheckReport): void {
    if (report.kind === 'started') return;
    const { job } = from;
    if (report.kind === 'line') {
      job?.callbacks.line(report.line);
      return;
    }
    from.job = undefined;
    this.answeredAt = performance.now();
    this.stopTimer();
    const isSurplus = this.workers.some((other) => other !== from && other.job === undefined);
    if (isSurplus && this.waiting.length === 0) this.dismiss(from);
    else this.next();
    job?.callbacks.done(report);
  }

  /** Ends a thread that was started because others hung. */
  private dismiss(surplus: CheckWorker): void {
    this.workers.splice(this.workers.indexOf(surplus), 1);
    surplus.worker.postMessage(null);
  }

  /** A thread has died, or has ended as it was asked to. From now on it gets no order. */
  private fail(from: CheckWorker, message: string): void {
    const { job } = from;
    from.job = undefined;
    const index = this.workers.indexOf(from);
    if (index >= 0) this.workers.splice(index, 1);
    job?.callbacks.done({ kind: 'refused', id: job.order.id, message: `server: ${message}`, errno: undefined });
    if (!this.isClosed) this.next();
  }
}
