import { Worker } from 'node:worker_threads';
import type { MountConfig } from '../config/mount-config.js';
import type { Control, Server, ServerEvents } from '../serving/server.js';
import type { ThreadMessage } from './thread-message.js';

/** What the serving thread holds, as far as it concerns us. */
interface ThreadFds {
  /**
   * Closed here if the thread dies without having done so: an open device without a reader lets every caller
   * wait.
   */
  device: number;
  /** Stops the thread. Closed here alone: it must be there until the thread has ended. */
  readonly control: number;
}

/**
 * Memory for new objects, in MiB. When it is full, V8 collects what is dead. Nearly all objects of a request
 * are dead after the reply, so a walk needs as much processor time with 3 MiB as with V8's default of 48 MiB.
 * V8 keeps this memory for a long time.
 */
const YOUNG_MB = 3;

/** A serving thread. It loads its modules from construction on, and then waits for its config. */
export class ThreadServer implements Server {
  private readonly thread = new Worker(new URL('./serving-thread.js', import.meta.url), {
    // Flags of a process that uses the library (loaders, --input-type) are not meant for this thread.
    execArgv: [],
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
  });
  private fds: ThreadFds | undefined;
  private isTaken = false;
  private hasEnded = false;

  constructor() {
    this.thread.once('exit', () => {
      this.hasEnded = true;
    });
  }

  start(config: MountConfig, events: ServerEvents): void {
    this.isTaken = true;
    this.thread.on('message', (message: ThreadMessage) => this.take(message, events));
    this.thread.on('error', (error: Error) => events.failed(error));
    this.thread.on('exit', () => events.ended());
    this.thread.postMessage(config);
  }

  /**
   * It is not needed after all, unless {@link start} has been called. The thread ends by itself: one that is
   * terminated, or whose process ends, while it loads native code takes the process with it (SIGABRT, as an
   * addon cannot throw any more).
   */
  async dismiss(): Promise<void> {
    if (this.isTaken || this.hasEnded) return;
    this.isTaken = true;
    await new Promise<void>((resolve) => {
      this.thread.on('error', () => {}); // It is not needed: why it could not load neither.
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

  private take(message: ThreadMessage, events: ServerEvents): void {
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
