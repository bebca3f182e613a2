/** One pool thread, as the main thread sees it. */

import { readFileSync } from 'node:fs';
import { MessageChannel, Worker } from 'node:worker_threads';
import { readActivity } from '../../fuse/index.js';
import { close } from '../../sys/files/open.js';
import { openEventfd, signalEventfd } from '../../sys/waiting/eventfd.js';
import type { PoolOrder, PoolReport, PoolThreadData } from './pool-message.js';

/**
 * Memory for new objects, in MiB. When it is full, V8 collects garbage. Nearly all objects of a request are
 * garbage after the reply, so more memory saves no time.
 */
const YOUNG_MB = 3;

export interface PoolWorkerEvents {
  report(report: PoolReport): void;
  /** The thread has ended. With an error: its mounts are not served any more. */
  ended(error: Error | undefined): void;
}

/** Describes the work of a thread between two looks at it. */
export interface Look {
  /** `silent`: it has been at one piece of work all the time, which was no new mount. */
  readonly state: 'idle' | 'busy' | 'silent';
  /** The part of the time that it ran on a processor, 0 to 1. */
  readonly load: number;
}

interface Sample {
  readonly at: number;
  readonly done: number;
  readonly isBusy: boolean;
  /** Nanoseconds on a processor. */
  readonly runtime: number;
}

export class PoolWorker {
  private readonly controlFd = openEventfd();
  private readonly orders = new MessageChannel();
  private readonly worker: Worker;
  private activity: SharedArrayBuffer | undefined;
  private threadId = 0;
  /** The sample of the last {@link look}. */
  private last: Sample | undefined;
  private failure: Error | undefined;
  private hasEnded = false;
  /** How many mounts it has, those included that are being made. */
  mounts = 0;
  /** How many mounts it is making. */
  making = 0;

  /**
   * @param number identifies it in `--status`
   * @param isShared false: it serves one mount only, whose layers can hang
   */
  constructor(
    readonly number: number,
    readonly isShared: boolean,
    { fds, warmUp }: Pick<PoolThreadData, 'fds' | 'warmUp'>,
    events: PoolWorkerEvents,
    program = new URL('./pool-thread.js', import.meta.url),
  ) {
    const { port1, port2 } = this.orders;
    const workerData: PoolThreadData = { orders: port2, controlFd: this.controlFd, fds, warmUp };
    try {
      this.worker = new Worker(program, {
        execArgv: [],
        // Fds are passed between threads: Node must not close those that the thread has opened when it ends.
        trackUnmanagedFds: false,
        resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
        workerData,
        transferList: [port2],
      });
    } catch (error) {
      port1.close();
      close(this.controlFd);
      throw error;
    }
    port1.unref();
    this.worker.on('message', (report: PoolReport) => {
      if (report.kind === 'started') {
        this.activity = report.activity;
        this.threadId = report.threadId;
      }
      events.report(report);
    });
    this.worker.on('error', (error: Error) => {
      this.failure = error;
    });
    this.worker.on('exit', () => {
      this.hasEnded = true;
      port1.close();
      close(this.controlFd);
      this.activity = undefined;
      events.ended(this.failure);
    });
  }

  /** Whether it has loaded its modules. */
  get hasStarted(): boolean {
    return this.threadId !== 0;
  }

  /** Does nothing if the thread has ended: then its eventfd is closed, and its mounts have been ended. */
  give(order: PoolOrder): void {
    if (this.hasEnded) return;
    this.orders.port1.postMessage(order);
    signalEventfd(this.controlFd);
  }

  /** Describes what the thread did since the last look. */
  look(): Look {
    const before = this.last;
    const now = this.sample();
    this.last = now;
    // While it loads its modules, its orders wait in the channel.
    if (now === undefined) return { state: 'busy', load: 1 };
    if (before === undefined) return { state: now.isBusy ? 'busy' : 'idle', load: now.isBusy ? 1 : 0 };
    const load = Math.min(1, (now.runtime - before.runtime) / 1e6 / Math.max(0.001, now.at - before.at));
    if (!now.isBusy) return { state: 'idle', load };
    const isSilent = before.isBusy && before.done === now.done && this.making === 0;
    return { state: isSilent ? 'silent' : 'busy', load };
  }

  /** Undefined: the thread still loads its modules, or has ended. */
  private sample(): Sample | undefined {
    if (this.activity === undefined) return undefined;
    return { ...readActivity(this.activity), at: performance.now(), runtime: runtimeOf(this.threadId) };
  }
}

/** The nanoseconds that a thread of this process has run (schedstat); 0 if the kernel does not count them. */
function runtimeOf(threadId: number): number {
  try {
    return Number(readFileSync(`/proc/self/task/${threadId}/schedstat`, 'latin1').split(' ', 1)[0]);
  } catch {
    // ENOENT: the thread has ended, or the kernel has no statistics. Placement then looks at the activity
    // only.
    return 0;
  }
}
