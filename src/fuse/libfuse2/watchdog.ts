import { Worker } from 'node:worker_threads';
import { close } from '../../sys/files/open.js';
import { openEventfd, signalEventfd } from '../../sys/waiting/eventfd.js';

export interface WatchdogData {
  readonly deviceFd: number;
  /** Readable: the thread ends. */
  readonly stopFd: number;
  /** When the running operation began, in milliseconds of {@link clock}; 0: none is running. */
  readonly began: Int32Array<SharedArrayBuffer>;
  readonly limit: number;
}

/** Milliseconds, as an int32 that wraps around after 24 days and is never 0. */
export function clock(): number {
  return Math.floor(performance.timeOrigin + performance.now()) | 0 || 1;
}

/**
 * A thread beside the event loop that serves the mount. It detects two things that the event loop cannot:
 * that the mount no longer exists, which fuse-native does not report, and that an operation hangs. If an
 * operation hangs, it kills the process: the kernel closes the device, and every caller gets ENOTCONN and
 * does not wait.
 */
export class Watchdog {
  private readonly began = new Int32Array(new SharedArrayBuffer(4));
  private readonly stopFd = openEventfd();
  private readonly thread: Worker;

  /** @param onUnmounted called once, when the mount no longer exists */
  constructor(deviceFd: number, limit: number, onUnmounted: () => void) {
    const workerData: WatchdogData = { deviceFd, stopFd: this.stopFd, began: this.began, limit };
    this.thread = new Worker(new URL('./watchdog-thread.js', import.meta.url), { workerData });
    this.thread.once('message', onUnmounted);
  }

  /** Call it before an operation. */
  begin(): void {
    Atomics.store(this.began, 0, clock());
  }

  /** Call it after an operation. */
  end(): void {
    Atomics.store(this.began, 0, 0);
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.thread.once('exit', resolve));
    signalEventfd(this.stopFd);
    await ended;
    close(this.stopFd);
  }
}
