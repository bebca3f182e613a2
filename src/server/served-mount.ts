/** One mount, seen from the thread that started it. */
import { Worker } from 'node:worker_threads';
import { Errno } from '../core/errno.js';
import { type Deferred, deferred } from './deferred.js';
import type { MountConfig } from './mount-config.js';
import { asMountError, errnoOf, MountError } from './mount-error.js';
import { mountedOn } from './mountinfo.js';
import type { ThreadMessage } from './thread-message.js';

type Control = typeof import('./mount-control.js');
type Log = (line: string) => void;

/** What the serving thread holds, as far as it concerns us. */
interface ThreadFds {
  /** Closed here if the thread dies without having done so: an open device without a reader lets every caller wait. */
  device: number;
  /** Stops the thread. Closed here alone: it must be there until the thread has ended. */
  readonly control: number;
}

/** A thread that loads its modules and waits for its config: both can come at the same time. */
export function startServingThread(): Worker {
  return new Worker(new URL('./serving-thread.js', import.meta.url), {
    // Flags of a process that uses the library (loaders, --input-type) are not meant for this thread.
    execArgv: [],
  });
}

/** Owns the serving thread, and takes the mount down when the process exits before it. */
export class ServedMount {
  readonly #ready: Deferred = deferred();
  readonly #closed: Deferred = deferred();
  /** Loads while the thread starts. */
  readonly #loading: Promise<Control> = import('./mount-control.js');
  #control: Control | undefined;
  #fds: ThreadFds | undefined;
  /** Id of our mount in mountinfo: somebody else's mount on the same directory is not ours to unmount. */
  #mountId: number | undefined;
  #refusal: MountError | undefined;

  private constructor(
    readonly config: MountConfig,
    private readonly log: Log,
    thread: Worker,
  ) {
    thread.on('message', (message: ThreadMessage) => this.#take(message));
    thread.on('error', (error) => {
      this.#refusal ??= asMountError(error, 'serving thread');
      log(error.stack ?? error.message);
    });
    thread.on('exit', () => this.#end());
    process.on('exit', this.#abandon);
    thread.postMessage(config);
    this.#closed.promise.catch(() => {}); // Told to whoever asks for `closed`; nobody has to.
  }

  /**
   * Resolves when the mount answers. Rejects with {@link MountError}, and then nothing is mounted.
   * @param thread from {@link startServingThread}; taken over
   */
  static async start(config: MountConfig, log: Log, thread = startServingThread()): Promise<ServedMount> {
    const mount = new ServedMount(config, log, thread);
    mount.#control = await mount.#loading;
    await mount.#ready.promise;
    return mount;
  }

  /** Resolves when the mount is gone, whoever unmounted it, and its thread has ended. Rejects if the thread failed. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /**
   * Unmounts and waits for the thread's end. In use: MountError EBUSY; with `lazy` it is detached instead, and whoever
   * still uses it gets ENOTCONN.
   */
  async unmount({ lazy }: { lazy: boolean }): Promise<void> {
    try {
      if (this.#isOurs()) this.#control?.unmount(this.config.mountpoint, { lazy });
    } catch (error) {
      if (errnoOf(error) !== Errno.EBUSY) throw asMountError(error, 'unmount');
      throw MountError.of({
        what: 'unmount',
        where: this.config.mountpoint,
        why: 'in use',
        errno: Errno.EBUSY,
        advice: 'leave it, or unmount it lazily',
      });
    }
    if (lazy) this.#stopThread();
    await this.closed;
  }

  /** Ends the mount in any case: detached if it is in use. */
  async stop(): Promise<void> {
    this.#detach();
    this.#stopThread();
    await this.closed;
  }

  #take(message: ThreadMessage): void {
    switch (message.kind) {
      case 'mounted':
        this.#fds = { device: message.deviceFd, control: message.controlFd };
        this.#mountId = mountedOn(this.config.mountpoint)?.id;
        break;
      case 'ready':
        this.#ready.resolve();
        break;
      case 'released':
        if (this.#fds !== undefined) this.#fds.device = -1;
        break;
      case 'refused':
        this.#refusal = new MountError(message.message, message.errno);
        break;
      case 'log':
        this.log(message.line);
        break;
    }
  }

  #isOurs(): boolean {
    return this.#mountId !== undefined && mountedOn(this.config.mountpoint)?.id === this.#mountId;
  }

  #stopThread(): void {
    if (this.#fds !== undefined) this.#control?.signalEventfd(this.#fds.control);
  }

  /** The thread has ended, in whatever way. */
  async #end(): Promise<void> {
    const { close } = await this.#loading;
    if (this.#fds !== undefined) {
      if (this.#fds.device !== -1) {
        close(this.#fds.device);
        this.#detach();
      }
      close(this.#fds.control);
      this.#fds = undefined;
    }
    process.off('exit', this.#abandon);
    this.#ready.reject(
      this.#refusal ?? MountError.of({ what: 'serving thread', why: 'ended before the mount was ready' }),
    );
    if (this.#refusal === undefined) this.#closed.resolve();
    else this.#closed.reject(this.#refusal);
  }

  /** The process exits with the mount alive: nobody may be left waiting, and Node waits for the thread. */
  readonly #abandon = (): void => {
    this.#detach();
    this.#stopThread();
  };

  #detach(): void {
    try {
      if (this.#isOurs()) this.#control?.unmount(this.config.mountpoint, { lazy: true });
    } catch (error) {
      this.log(asMountError(error, 'unmount').message);
    }
  }
}
