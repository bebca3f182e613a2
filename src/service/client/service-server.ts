/** A server of one mount that is a thread of the service, for a program that runs in Node already. */
import type { MountConfig } from '../../server/config/mount-config.js';
import { asMountError, MountError } from '../../server/config/mount-error.js';
import type { ServiceUse } from '../../server/options/kinds/option-entry.js';
import type { Control, Server, ServerEvents } from '../../server/serving/server.js';
import { AskedMount } from './asked-mount.js';
import { openService } from './open-service.js';
import type { ServiceConnection } from './service-connection.js';

/**
 * Asks the service to serve the mount. If no service does, and the user does not require one, a server of
 * this process serves it. The mount ends with this process, or with the connection.
 */
export class ServiceServer implements Server {
  private connection: ServiceConnection | undefined;
  /** The server of this process. */
  private own: Server | undefined;
  /** The service has ended, or the connection, while the mount existed. */
  private wasLost = false;

  /**
   * @param use not `off`
   * @param makeOwn makes the server that is used without a service
   */
  constructor(
    private readonly use: Exclude<ServiceUse, 'off'>,
    private readonly makeOwn: () => Server,
  ) {}

  start(config: MountConfig, events: ServerEvents): void {
    this.ask(config, events).catch((error: unknown) => {
      events.failed(asMountError(error, 'service'));
      events.ended();
    });
  }

  stop(control: Control): void {
    this.own?.stop(control);
    this.connection?.send({ do: 'unmount', lazy: true });
  }

  cleanUp(control: Control): boolean {
    return this.own?.cleanUp(control) ?? this.wasLost;
  }

  private async ask(config: MountConfig, events: ServerEvents): Promise<void> {
    const connection = await openService(this.use);
    if (typeof connection === 'string') this.serveAlone(connection, config, events);
    else this.begin(connection, config, events);
  }

  /** @param why the reason why the service does not serve the mount */
  private serveAlone(why: string, config: MountConfig, events: ServerEvents): void {
    if (this.use === 'required') {
      throw MountError.of({ what: 'service', why: `required, but ${why}`, advice: 'see plyfs serve --status' });
    }
    this.own = this.makeOwn();
    this.own.start(config, events);
  }

  private begin(connection: ServiceConnection, config: MountConfig, events: ServerEvents): void {
    const mount = new AskedMount(connection, { config, lifetime: 'connection' }, events, {
      alone: (why) => this.serveAlone(why, config, events),
      lost: () => {
        this.wasLost = true;
      },
    });
    this.connection = connection;
    mount.begin();
  }
}
