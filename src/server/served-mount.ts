/** One mount, as the thread that has started its server sees it. */
import { mountedOn } from '../sys/mountinfo.js';
import { chooseServer } from './choose-server.js';
import type { MountConfig } from './config/mount-config.js';
import { asMountError, MountError } from './config/mount-error.js';
import { type Deferred, deferred } from './deferred.js';
import type { Control, Server, ServerMessage } from './serving/server.js';
import { unmountError } from './serving/unmount-error.js';

type Log = (line: string) => void;

/** Owns the server. Unmounts if the process exits while the mount exists. */
export class ServedMount {
  /** Settled when the mount can be used, or cannot be made. */
  private readonly ready: Deferred = deferred();
  /** Settled when the server has ended. */
  private readonly end: Deferred = deferred();
  /** The system calls that end the mount. They load while the server starts. */
  private readonly loadingControl: Promise<Control> = import('./serving/mount-control.js');
  private control: Control | undefined;
  /** The id of this mount in mountinfo. Another mount on the same directory must not be unmounted. */
  private mountId: number | undefined;
  /** The reason why the server has failed. `ready` or `end` rejects with it. */
  private refusal: MountError | undefined;

  private constructor(
    readonly config: MountConfig,
    private readonly log: Log,
    private readonly server: Server,
  ) {
    process.on('exit', this.unmountAtExit);
    server.start(config, {
      message: (message) => this.handleMessage(message),
      failed: (error) => {
        this.refusal ??= asMountError(error, 'server');
        // Any other error is a bug, and its stack shows where.
        if (!(error instanceof MountError)) log(error.stack ?? error.message);
      },
      ended: () => this.handleEnd(),
    });
    this.end.promise.catch(() => {}); // If the caller never uses `closed`, a rejection must not end the process.
  }

  /**
   * Mounts. Resolves when the mount can be used. Rejects with {@link MountError}; nothing is mounted then.
   * @param server a server that has not been started; the mount owns it from now on
   */
  static async start(config: MountConfig, log: Log, server = chooseServer(config)): Promise<ServedMount> {
    const mount = new ServedMount(config, log, server);
    mount.control = await mount.loadingControl;
    await mount.ready.promise;
    return mount;
  }

  /**
   * Resolves when the mount has been unmounted, by any process, and its server has ended. Rejects if the
   * server failed.
   */
  get closed(): Promise<void> {
    return this.end.promise;
  }

  /**
   * Unmounts and waits for the server's end. Throws MountError EBUSY if the mount is in use. With `lazy` it
   * is detached in that case, and the processes that use it get ENOTCONN.
   */
  async unmount({ lazy }: { lazy: boolean }): Promise<void> {
    try {
      if (this.isStillMounted()) this.control?.unmount(this.config.mountpoint, { lazy });
    } catch (error) {
      throw unmountError(error, this.config.mountpoint);
    }
    // If the caller has mounted it in another mount namespace, this process cannot unmount it, only stop its
    // server.
    const isOutOfReach = this.config.deviceFd !== undefined && this.mountId === undefined;
    if (lazy || isOutOfReach) this.stopServer();
    await this.closed;
  }

  /** Ends the mount, even if it is in use: then it is detached. */
  async stop(): Promise<void> {
    this.detach();
    this.stopServer();
    await this.closed;
  }

  private handleMessage(message: ServerMessage): void {
    switch (message.kind) {
      case 'mounted':
        this.mountId = mountedOn(this.config.mountpoint)?.id;
        break;
      case 'ready':
        this.ready.resolve();
        break;
      case 'refused':
        this.refusal = new MountError(message.message, message.errno);
        break;
      case 'log':
        this.log(message.line);
        break;
    }
  }

  /** Whether this mount is still the one on the mountpoint. */
  private isStillMounted(): boolean {
    return this.mountId !== undefined && mountedOn(this.config.mountpoint)?.id === this.mountId;
  }

  private stopServer(): void {
    if (this.control !== undefined) this.server.stop(this.control);
  }

  /** Called when the server has ended, with or without an error. */
  private async handleEnd(): Promise<void> {
    if (this.server.cleanUp(await this.loadingControl)) this.detach();
    process.off('exit', this.unmountAtExit);
    this.ready.reject(this.refusal ?? MountError.of({ what: 'server', why: 'ended before the mount was ready' }));
    if (this.refusal === undefined) this.end.resolve();
    else this.end.reject(this.refusal);
  }

  /**
   * Called when the process exits while the mount exists. Otherwise users of the mount would wait forever,
   * and Node would wait for the serving thread.
   */
  private readonly unmountAtExit = (): void => {
    this.detach();
    this.stopServer();
  };

  /** Detaches the mount, even if it is in use. A failure is logged, because the server ends anyway. */
  private detach(): void {
    try {
      if (this.isStillMounted()) this.control?.unmount(this.config.mountpoint, { lazy: true });
    } catch (error) {
      this.log(asMountError(error, 'unmount').message);
    }
  }
}
