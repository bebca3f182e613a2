/** The serving thread's side of the helper threads that copy large files. */
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';

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
}

export interface CopyThreadData {
  readonly port: MessagePort;
  readonly doneFd: number;
}

/** Two large copies side by side keep a disk busy; more would only take turns on it. */
const MAX_THREADS = 2;

export class CopyPool {
  private readonly threads: { worker: Worker; port: MessagePort; orders: number }[] = [];

  /** @param doneFd eventfd that is signalled after each report */
  constructor(private readonly doneFd: number) {}

  order(order: CopyOrder): void {
    let thread = this.threads.find(({ orders }) => orders === 0);
    if (thread === undefined && this.threads.length < MAX_THREADS) thread = this.start();
    thread ??= this.threads.reduce((least, other) => (other.orders < least.orders ? other : least));
    thread.orders++;
    thread.port.postMessage(order);
  }

  /** Reports that have come in. */
  take(): CopyReport[] {
    const reports: CopyReport[] = [];
    for (const thread of this.threads) {
      for (;;) {
        const received = receiveMessageOnPort(thread.port) as { message: CopyReport } | undefined;
        if (received === undefined) break;
        thread.orders--;
        reports.push(received.message);
      }
    }
    return reports;
  }

  /** Ends idle threads; one in the middle of a copy ends with the process. */
  close(): void {
    for (const { port, worker } of this.threads) {
      port.close();
      void worker.terminate();
    }
    this.threads.length = 0;
  }

  private start(): { worker: Worker; port: MessagePort; orders: number } {
    const { port1, port2 } = new MessageChannel();
    const data: CopyThreadData = { port: port2, doneFd: this.doneFd };
    const worker = new Worker(new URL('./copy-thread.js', import.meta.url), {
      workerData: data,
      transferList: [port2],
    });
    worker.unref();
    const thread = { worker, port: port1, orders: 0 };
    this.threads.push(thread);
    return thread;
  }
}
