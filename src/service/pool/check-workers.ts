/** The checking threads, as the main thread sees them. */
import { Worker } from 'node:worker_threads';
import { asMountError } from '../../server/config/mount-error.js';
import type { CheckOrder, CheckReport } from './pool-message.js';

/**
 * If an order waits for this many milliseconds because all threads are at work, another thread is started:
 * they hang, or many mounts come at once.
 */
const PATIENCE_MS = 200;
/**
 * With so many threads at work, further orders wait. Each thread can hang for as long as the service runs.
 */
const MAX_THREADS = 16;

/** The answer to an order. */
export type CheckAnswer = Exclude<CheckReport, { kind: 'started' | 'line' }>;

export interface CheckCallbacks {
  line(line: string): void;
  done(answer: CheckAnswer): void;
}

interface Job {
  readonly order: CheckOrder;
  readonly callbacks: CheckCallbacks;
}

interface CheckWorker {
  readonly worker: Worker;
  job: Job | undefined;
}

export class CheckWorkers {
  private readonly workers: CheckWorker[] = [];
  private readonly waiting: Job[] = [];
  private timer: NodeJS.Timeout | undefined;
  private isClosed = false;

  constructor(private readonly program = new URL('./check-thread.js', import.meta.url)) {
    this.start();
  }

  /** Gives an order to a thread that has none, as soon as there is one. */
  give(order: CheckOrder, callbacks: CheckCallbacks): void {
    this.waiting.push({ order, callbacks });
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
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.waiting.length === 0) return;
    if (this.workers.length === 0) this.addThread();
    else if (this.workers.length < MAX_THREADS) this.timer = setTimeout(() => this.addThread(), PATIENCE_MS);
  }

  /** If no thread can be started, the orders wait for those that exist. If there is none, they fail. */
  private addThread(): void {
    try {
      this.start();
    } catch (error) {
      if (this.workers.length > 0) return;
      const { message, errno } = asMountError(error, 'server');
      for (const { order, callbacks } of this.waiting.splice(0)) {
        callbacks.done({ kind: 'refused', id: order.id, message, errno });
      }
      return;
    }
    this.next();
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
    worker.on('exit', () => {
      this.fail(started, 'the checking thread has ended');
      const index = this.workers.indexOf(started);
      if (index >= 0) this.workers.splice(index, 1);
      if (!this.isClosed) this.next();
    });
  }

  private receive(from: CheckWorker, report: CheckReport): void {
    if (report.kind === 'started') return;
    const { job } = from;
    if (report.kind === 'line') {
      job?.callbacks.line(report.line);
      return;
    }
    from.job = undefined;
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

  private fail(from: CheckWorker, message: string): void {
    const { job } = from;
    from.job = undefined;
    job?.callbacks.done({ kind: 'refused', id: job.order.id, message: `server: ${message}`, errno: undefined });
  }
}
