/** One mount, seen from the thread that started it. */
import { Errno } from '../core/errno.js';
import { mountedOn } from '../sys/mountinfo.js';
import { chooseServer } from './choose-server.js';
import type { MountConfig } from './config/mount-config.js';
import { asMountError, errnoOf, MountError } from './config/mount-error.js';
import { type Deferred, deferred } from './deferred.js';
import type { Control, Server, ServerMessage } from './serving/server.js';

type Log = (line: string) => void;

/** Owns the server, and takes the mount down when the process exits before it. */
export class ServedMount {
  private readonly ready: Deferred = deferred();
  private readonly end: Deferred = deferred();
  /** Loads while the server starts. */
  private readonly loading: Promise<Control> = import('./serving/mount-control.js');
  private control: Control | undefined;
  /** Id of our mount in mountinfo: somebody else's mount on the same directory is not ours to unmount. */
  private mountId: number | undefined;
  private refusal: MountError | undefined;

  private constructor(
    readonly config: MountConfig,
    private readonly log: Log,
    private readonly server: Server,
  ) {
    process.on('exit', this.abandon);
    server.start(config, {
      message: (message) => this.take(message),
      failed: (error) => {
        this.refusal ??= asMountError(error, 'server');
        if (!(error instanceof MountError)) log(error.stack ?? error.message);
      },
      ended: () => this.handleEnd(),
    });
    this.end.promise.catch(() => {}); // Told to whoever asks for `closed`; nobody has to.
  }

  /**
   * Resolves when the mount answers. Rejects with {@link MountError}, and then nothing is mounted.
   * @param server not started; taken over
   */
  static async start(config: MountConfig, log: Log, server = chooseServer(config)): Promise<ServedMount> {
    const mount = new ServedMount(config, log, server);
    mount.control = await mount.loading;
    await mount.ready.promise;
    return mount;
  }

  /**
   * Resolves when the mount is gone, whoever unmounted it, and its server has ended. Rejects if the server
   * failed.
   */
  get closed(): Promise<void> {
    return this.end.promise;
  }

  /**
   * Unmounts and waits for the server's end. In use: MountError EBUSY; with `lazy` it is detached instead,
   * and whoever still uses it gets ENOTCONN.
   */
  async unmount({ lazy }: { lazy: boolean }): Promise<void> {
    try {
      if (this.isOurs()) this.control?.unmount(this.config.mountpoint, { lazy });
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
    // The caller has mounted it in another mount namespace: we cannot unmount it, only stop serving it.
    const isOutOfReach = this.config.deviceFd !== undefined && this.mountId === undefined;
    if (lazy || isOutOfReach) this.stopServer();
    await this.closed;
  }

  /** Ends the mount in any case: detached if it is in use. */
  async stop(): Promise<void> {
    this.detach();
    this.stopServer();
    await this.closed;
  }

  private take(message: ServerMessage): void {
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

  private isOurs(): boolean {
    return this.mountId !== undefined && mountedOn(this.config.mountpoint)?.id === this.mountId;
  }

  private stopServer(): void {
    if (this.control !== undefined) this.server.stop(this.control);
  }

  /** The server has ended, in whatever way. */
  private async handleEnd(): Promise<void> {
    if (this.server.cleanUp(await this.loading)) this.detach();
    process.off('exit', this.abandon);
    this.ready.reject(this.refusal ?? MountError.of({ what: 'server', why: 'ended before the mount was ready' }));
    if (this.refusal === undefined) this.end.resolve();
    else this.end.reject(this.refusal);
  }

  /**
   * The process exits with the mount alive: nobody may be left waiting, and Node waits for a serving thread.
   */
  private readonly abandon = (): void => {
    this.detach();
    this.stopServer();
  };

  private detach(): void {
    try {
      if (this.isOurs()) this.control?.unmount(this.config.mountpoint, { lazy: true });
    } catch (error) {
      this.log(asMountError(error, 'unmount').message);
    }
  }
}
