import { Worker } from 'node:worker_threads';
import type { MountConfig } from '../config/mount-config.js';
import type { Control, Server, ServerEvents } from '../serving/server.js';
import type { ThreadMessage } from './thread-message.js';

/** Fds of the serving thread that this thread may have to use or close. */
interface ThreadFds {
  /**
   * The FUSE device. -1: the serving thread closes it itself. If the serving thread dies before that, this
   * thread closes the device. Otherwise all callers with a request to the mount would wait forever.
   */
  device: number;
  /** Stops the thread. Only this thread closes it, after the serving thread has ended. */
  readonly control: number;
}

/**
 * Memory for new objects, in MiB. When it is full, V8 collects garbage. Nearly all objects of a request are
 * garbage after the reply, so a walk needs as much processor time with 3 MiB as with V8's default of 48 MiB.
 * V8 keeps this memory for a long time.
 */
const YOUNG_MB = 3;

/**
 * A server that is a thread of this process. It loads its modules when it is constructed, then waits for a
 * config.
 */
export class ThreadServer implements Server {
  private readonly thread = new Worker(new URL('./serving-thread.js', import.meta.url), {
    // Flags of a process that uses the library (loaders, --input-type) are not meant for this thread.
    execArgv: [],
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
  });
  private fds: ThreadFds | undefined;
  private isUsed = false;
  private hasEnded = false;

  constructor() {
    this.thread.once('exit', () => {
      this.hasEnded = true;
    });
  }

  start(config: MountConfig, events: ServerEvents): void {
    this.isUsed = true;
    this.thread.on('message', (message: ThreadMessage) => this.handleMessage(message, events));
    this.thread.on('error', (error: Error) => events.failed(error));
    this.thread.on('exit', () => events.ended());
    this.thread.postMessage(config);
  }

  /**
   * Ends the thread, unless {@link start} has been called. The thread is asked to end, and is not terminated:
   * if a thread is terminated (or its process exits) while it loads native code, Node aborts the process
   * (SIGABRT), because an addon cannot throw an exception in a thread that ends.
   */
  async dismiss(): Promise<void> {
    if (this.isUsed || this.hasEnded) return;
    this.isUsed = true;
    await new Promise<void>((resolve) => {
      this.thread.on('error', () => {}); // The thread is not needed, so its error does not matter.
      this.thread.once('exit', () => resolve());
      this.thread.postMessage(null);
    });
  }

  stop(control: Control): void {
    if (this.fds !== undefined) control.signalEventfd(this.fds.control);
  }

  cleanUp(control: Control): boolean {
    if (this.fds === undefined) return false;
    const { device, control: stopFd } = this.fds;
    this.fds = undefined;
    control.close(stopFd);
    if (device === -1) return false;
    control.close(device);
    return true;
  }

  private handleMessage(message: ThreadMessage, events: ServerEvents): void {
    switch (message.kind) {
      case 'mounted':
        this.fds = { device: message.deviceFd, control: message.controlFd };
        events.message({ kind: 'mounted' });
        break;
      case 'released':
        if (this.fds !== undefined) this.fds.device = -1;
        break;
      default:
        events.message(message);
    }
  }
}
