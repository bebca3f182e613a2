/** A thread that copies large files, as the serving thread sees it. */
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { newLoadedFlag, waitUntilLoaded } from '../../sys/process/loaded-flag.js';
import { threadIds } from '../../sys/process/thread.js';
import {
  type CopyTask,
  type CopyThreadData,
  type CopyThreadMessage,
  type CopyThreadOrder,
  type TaskReport,
  THREAD_ENDED,
} from './copy-message.js';

export class CopyWorker {
  private readonly channel = new MessageChannel();
  private readonly load = new Int32Array(new SharedArrayBuffer(4));
  private readonly loaded = newLoadedFlag();
  private readonly worker: Worker;
  /** Thread ids, one of which is that of this thread. After the thread's first message, only its own. */
  private ids: readonly number[];

  /**
   * Starts the thread. Throws Node's error if that is impossible.
   * @param idleMs after so many milliseconds without a task it ends
   */
  constructor(idleMs: number) {
    const { port1, port2 } = this.channel;
    const workerData: CopyThreadData = { port: port2, load: this.load, idleMs, loaded: this.loaded };
    // The end of the thread causes no event here, because the event loop of the serving thread does not run.
    // The thread exists in /proc when the constructor returns, so its id is among the new ids even if it dies
    // while it loads. Other threads can start at the same moment. The thread's first message contains its own
    // id.
    const before = new Set(threadIds());
    try {
      this.worker = new Worker(new URL('./copy-thread.js', import.meta.url), {
        workerData,
        transferList: [port2],
        // It holds only its tasks, and their number is bounded.
        resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 32 },
      });
    } catch (error) {
      port1.close();
      throw error;
    }
    // If the loop does run (fuse-native), Node must not throw the thread's error here. `isAlive` detects the
    // end of the thread.
    this.worker.on('error', () => {});
    this.worker.unref();
    this.ids = threadIds().filter((id) => !before.has(id));
  }

  /** How many tasks it has. It has none if it has ended itself. */
  get tasks(): number {
    return Math.max(0, Atomics.load(this.load, 0));
  }

  /** Whether it has ended because it had no task for a while. */
  get hasEnded(): boolean {
    return Atomics.load(this.load, 0) === THREAD_ENDED;
  }

  /** Whether it is one of `living`, thread ids of this process. */
  isAmong(living: ReadonlySet<number>): boolean {
    return this.ids.some((id) => living.has(id));
  }

  /**
   * Keeps the thread from ending itself, until it has done the task that {@link give} gives it next.
   * @param most the most tasks that it can have before
   * @returns false if it has ended itself, or has more tasks
   */
  reserve(most = Number.POSITIVE_INFINITY): boolean {
    for (;;) {
      const load = Atomics.load(this.load, 0);
      if (load === THREAD_ENDED || load > most) return false;
      if (Atomics.compareExchange(this.load, 0, load, load + 1) === load) return true;
    }
  }

  /** Ends the effect of {@link reserve} without a task. */
  release(): void {
    Atomics.sub(this.load, 0, 1);
  }

  /** Gives the task for which it is reserved. The thread owns its fds from now on. */
  give(task: CopyTask): void {
    this.send(task);
  }

  /** Returns the reports since the last call. */
  takeReports(): TaskReport[] {
    const reports: TaskReport[] = [];
    for (;;) {
      const received = receiveMessageOnPort(this.channel.port1) as { message: CopyThreadMessage } | undefined;
      if (received === undefined) return reports;
      const { message } = received;
      if ('threadId' in message) this.ids = [message.threadId];
      else reports.push(message);
    }
  }

  /** Frees what the serving thread keeps for a thread that has ended. */
  forget(): void {
    this.channel.port1.close();
  }

  /**
   * Asks the thread to end. The serving thread cannot end before it. The thread is not terminated, because it
   * would leave its fds open.
   */
  end(): void {
    waitUntilLoaded(this.loaded, this.ids);
    this.worker.ref();
    this.send('end');
  }

  private send(order: CopyThreadOrder): void {
    this.channel.port1.postMessage(order);
  }
}
