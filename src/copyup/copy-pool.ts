/** The helper threads that copy large files, as the serving thread sees them. */
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { Errno } from '../core/errno.js';
import { type LoadedFlag, newLoadedFlag, waitUntilLoaded } from '../sys/process/loaded-flag.js';
import { threadIds } from '../sys/process/thread.js';

/** A file whose data is to be copied. The fds are owned by the serving thread. */
export interface CopyTask {
  readonly key: number;
  readonly from: number;
  readonly to: number;
  readonly length: number;
  readonly sparse: boolean;
  readonly sync: boolean;
}

export interface CopyReport {
  readonly key: number;
  /** 0 if the copy is complete, or the errno that stopped it. */
  readonly errno: number;
  /** The error, if it was not a system call that failed. */
  readonly why?: string;
}

/** Messages of a copying thread: its id first, then a report on each task. */
export type CopyThreadMessage = { readonly threadId: number } | CopyReport;

export interface CopyThreadData {
  readonly port: MessagePort;
  /** A timerfd that the thread makes readable after each report. */
  readonly doneFd: number;
  readonly loaded: LoadedFlag;
}

interface CopyThread {
  readonly worker: Worker;
  readonly port: MessagePort;
  readonly loaded: LoadedFlag;
  /** Thread ids, one of which is that of this thread. After the thread's first message, only its own. */
  ids: readonly number[];
  /** The keys of tasks that it has not reported on. */
  readonly tasks: Set<number>;
}

/**
 * Interval in milliseconds of the checks for dead threads while tasks are running. A thread that has died
 * sends no message.
 */
export const CHECK_MS = 500;

/** Two large copies keep a disk busy. More would only compete for it. */
const MAX_THREADS = 2;

export class CopyPool {
  private threads: CopyThread[] = [];
  private reports: CopyReport[] = [];

  /** @param doneFd timerfd that becomes readable after each report */
  constructor(
    private readonly doneFd: number,
    private readonly log: (line: string) => void,
  ) {}

  /** Gives a task to a thread. Throws Node's error if there is no thread and none can be started. */
  submit(task: CopyTask): void {
    this.receiveAll();
    let thread = this.threads.find(({ tasks }) => tasks.size === 0);
    if (thread === undefined && this.threads.length < MAX_THREADS) thread = this.start();
    thread ??= this.threads.reduce((least, other) => (other.tasks.size < least.tasks.size ? other : least));
    thread.tasks.add(task.key);
    thread.port.postMessage(task);
  }

  /** Returns the reports since the last call. The tasks of a dead thread are reported as failed (EIO). */
  takeReports(): CopyReport[] {
    this.receiveAll();
    const { reports } = this;
    this.reports = [];
    return reports;
  }

  /** Terminates the threads. A thread that is in a system call ends with the process. */
  close(): void {
    for (const { port, worker, loaded, ids } of this.threads) {
      waitUntilLoaded(loaded, ids);
      port.close();
      void worker.terminate();
    }
    this.threads = [];
  }

  /** Receives the messages of all threads, and removes dead threads. */
  private receiveAll(): void {
    if (this.threads.length === 0) return;
    // The living threads are listed before the messages are received. So the last messages of a thread that
    // is not in the list are received too.
    const living = new Set(threadIds());
    this.threads = this.threads.filter((thread) => {
      this.receive(thread);
      const isAlive = thread.ids.some((id) => living.has(id));
      if (!isAlive) this.failTasks(thread);
      return isAlive;
    });
  }

  private failTasks({ tasks, port }: CopyThread): void {
    this.log('a thread that copies large files has died; the next copy starts another');
    for (const key of tasks) this.reports.push({ key, errno: Errno.EIO });
    port.close();
  }

  private receive(thread: CopyThread): void {
    for (;;) {
      const received = receiveMessageOnPort(thread.port) as { message: CopyThreadMessage } | undefined;
      if (received === undefined) return;
      const { message } = received;
      if ('threadId' in message) thread.ids = [message.threadId];
      else {
        thread.tasks.delete(message.key);
        if (message.why !== undefined) this.log(`a large file could not be copied up: ${message.why}`);
        this.reports.push(message);
      }
    }
  }

  private start(): CopyThread {
    const { port1, port2 } = new MessageChannel();
    const loaded = newLoadedFlag();
    const data: CopyThreadData = { port: port2, doneFd: this.doneFd, loaded };
    // The end of the thread causes no event here, because the event loop of the serving thread does not run.
    // The thread exists in /proc when the constructor returns, so its id is among the new ids even if it dies
    // while it loads. Other threads can start at the same moment. The thread's first message contains its own
    // id.
    const before = new Set(threadIds());
    const worker = new Worker(new URL('./copy-thread.js', import.meta.url), {
      workerData: data,
      transferList: [port2],
    });
    // If the loop does run (fuse-native), Node must not throw the thread's error here. receiveAll detects the
    // end of the thread.
    worker.on('error', () => {});
    worker.unref();
    const ids = threadIds().filter((id) => !before.has(id));
    const thread = { worker, port: port1, loaded, ids, tasks: new Set<number>() };
    this.threads.push(thread);
    return thread;
  }
}
