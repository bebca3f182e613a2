import { Worker } from 'node:worker_threads';
import { close } from '../../sys/files/open.js';
import { openEventfd, signalEventfd } from '../../sys/waiting/eventfd.js';

export interface WatchdogData {
  readonly deviceFd: number;
  /** Readable: stop watching. */
  readonly stopFd: number;
  /** When the running operation began, in milliseconds of {@link clock}; 0: none runs. */
  readonly began: Int32Array<SharedArrayBuffer>;
  readonly limit: number;
}

/** Milliseconds, as an int32 that wraps around after 24 days and is never 0. */
export function clock(): number {
  return Math.floor(performance.timeOrigin + performance.now()) | 0 || 1;
}

/**
 * A thread beside the event loop that serves. It sees what the event loop cannot: that the mount is gone,
 * which fuse-native does not tell, and that an operation does not come back. Then it ends the process: the
 * kernel closes the device, and every caller gets ENOTCONN instead of waiting.
 */
export class Watchdog {
  private readonly began = new Int32Array(new SharedArrayBuffer(4));
  private readonly stopFd = openEventfd();
  private readonly thread: Worker;

  /** @param gone called once, when the mount is */
  constructor(deviceFd: number, limit: number, gone: () => void) {
    const workerData: WatchdogData = { deviceFd, stopFd: this.stopFd, began: this.began, limit };
    this.thread = new Worker(new URL('./watchdog-thread.js', import.meta.url), { workerData });
    this.thread.once('message', gone);
  }

  begin(): void {
    Atomics.store(this.began, 0, clock());
  }

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
