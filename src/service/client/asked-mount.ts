/** The exchange of a program that runs in Node with the service: one mount. */
import { asMountError, MountError } from '../../server/config/mount-error.js';
import type { ServerEvents } from '../../server/serving/server.js';
import type { ControlRequest, MountAnswer, WrongRequest } from '../control/control-message.js';
import type { ServiceConnection } from './service-connection.js';

/** How often to look whether the service is stopped, in milliseconds. */
const LOOK_MS = 2000;

/** The mount to be made. With the lifetime `mount`, it stays when the connection has ended. */
export type MountRequest = Omit<ControlRequest & { readonly do: 'mount' }, 'do'>;

/** Receives the news that the service does not serve the mount to its end. */
export interface Otherwise {
  /** It does not serve it. */
  alone(why: string): void;
  /** It has ended while the mount existed. */
  lost(): void;
}

/** The exchange with the service over one connection. The service mounts only after `go`. */
export class AskedMount {
  private state: 'asked' | 'going' | 'ready' | 'over' = 'asked';
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly connection: ServiceConnection,
    private readonly request: MountRequest,
    private readonly events: ServerEvents,
    private readonly otherwise: Otherwise,
  ) {}

  begin(): void {
    this.connection.listen({
      answer: (value) => this.answer(value as MountAnswer | WrongRequest),
      closed: () => this.closed(),
    });
    this.connection.send({ do: 'mount', ...this.request });
    this.timer = setInterval(() => {
      if (this.connection.isStopped()) this.giveUp();
    }, LOOK_MS);
  }

  /** Ends the connection. A mount whose lifetime is its own stays. */
  leave(): void {
    this.end();
  }

  private answer(answer: MountAnswer | WrongRequest): void {
    if (this.state === 'over') return;
    switch (answer.kind) {
      case 'taken':
        this.state = 'going';
        this.connection.send({ do: 'go' });
        break;
      case 'alone':
        this.end();
        this.serveAlone(answer.why);
        break;
      case 'ready':
        clearInterval(this.timer);
        this.state = 'ready';
        this.events.message({ kind: 'mounted' });
        this.events.message({ kind: 'ready' });
        break;
      case 'log':
        this.events.message(answer);
        break;
      case 'refused':
        this.refuse(answer.message, answer.errno);
        break;
      case 'wrong':
        this.refuse(answer.message, undefined);
        break;
      case 'ended':
        if (answer.error !== undefined) this.events.failed(new MountError(answer.error));
        this.finish();
        break;
      case 'busy':
        // The unmount was lazy: its server ends nevertheless, and `ended` follows.
        break;
    }
  }

  private closed(): void {
    switch (this.state) {
      case 'over':
        break;
      case 'asked':
        this.end();
        this.serveAlone('the service has ended');
        break;
      default:
        this.otherwise.lost();
        this.events.failed(MountError.of({ what: 'service', why: 'has ended, and its mounts with it' }));
        this.finish();
    }
  }

  /** The service is stopped. It makes no mount before `go`, and undoes it if the connection has ended. */
  private giveUp(): void {
    const { state } = this;
    this.end();
    // The end of the connection waits for the service, and this process would wait for it before its exit.
    this.connection.abort();
    if (state === 'asked') this.serveAlone('the service is stopped');
    else {
      this.events.failed(MountError.of({ what: 'service', why: 'is stopped; nothing is mounted' }));
      this.events.ended();
    }
  }

  private serveAlone(why: string): void {
    try {
      this.otherwise.alone(why);
    } catch (error) {
      this.events.failed(asMountError(error, 'service'));
      this.events.ended();
    }
  }

  private refuse(message: string, errno: number | undefined): void {
    this.events.message({ kind: 'refused', message, errno });
    this.finish();
  }

  private finish(): void {
    this.end();
    this.events.ended();
  }

  private end(): void {
    this.state = 'over';
    clearInterval(this.timer);
    this.connection.close();
  }
}
