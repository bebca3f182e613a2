/** The mount that a client of the control socket asks for: a program that runs in Node already. */
import { closeSync } from 'node:fs';
import type { MountConfig } from '../../server/config/mount-config.js';
import { asMountError, MountError } from '../../server/config/mount-error.js';
import { tryDuplicateFrom } from '../../sys/ipc/pidfd.js';
import { isOwnPath } from '../front/accepted-arguments.js';
import type { Caller } from '../front/caller.js';
import type { MountTable } from '../front/mount-table.js';
import { type MountSettings, parseSettings } from '../order/mount-settings.js';
import type { ControlRequest, MountAnswer } from './control-message.js';

type Request = ControlRequest & { readonly do: 'mount' };

export interface ConnectionMountParts {
  readonly table: Pick<MountTable, 'mount' | 'unmount' | 'answered'>;
  /** The client, checked as a caller of the FIFO. A text: the reason why it must serve itself. */
  check(): Caller | string;
  log(line: string): void;
}

/** A mount to be made at `go`. Its fds are closed if the client leaves before. */
interface Taken {
  readonly settings: MountSettings;
  readonly caller: Caller;
  readonly deviceFd: number | undefined;
}

type State =
  | 'none'
  /** The client has `taken`, and can still serve itself. */
  | 'taken'
  | 'mounting'
  /** It is being made, and the client has ended. */
  | 'abandoned'
  /** It can be used. */
  | 'ready'
  | 'over';

/**
 * The exchange over one connection. As with a caller that has no Node ({@link Exchange}), nothing is mounted
 * before `go`, and the mount is undone if the client has not read that it is ready.
 */
export class ConnectionMount {
  private state: State = 'none';
  /** The mount that `go` begins. */
  private taken: Taken | undefined;
  private id: number | undefined;
  private lifetime: Request['lifetime'] = 'connection';
  private answer: (answer: MountAnswer) => void = () => {};

  constructor(private readonly parts: ConnectionMountParts) {}

  /**
   * Takes the mount, or answers that the client must serve it itself.
   * @throws {@link MountError} if the request has no settings of a mount
   */
  begin({ config, logFile, lifetime }: Request, answer: (answer: MountAnswer) => void): void {
    if (this.state !== 'none') throw MountError.of({ what: 'control', why: 'a connection can have one mount' });
    const settings = parseSettings(JSON.stringify({ config, ...(logFile === undefined ? {} : { logFile }) }));
    const prepared = this.prepare(settings);
    if (typeof prepared === 'string') {
      answer({ kind: 'alone', why: prepared });
      return;
    }
    this.answer = answer;
    this.lifetime = lifetime;
    this.taken = { settings, ...prepared };
    this.state = 'taken';
    answer({ kind: 'taken' });
  }

  /** Mounts: the client will not serve the mount itself. A repetition has no effect. */
  go(): void {
    const { taken, answer, lifetime } = this;
    if (taken === undefined) return;
    this.taken = undefined;
    this.state = 'mounting';
    const { settings, caller, deviceFd } = taken;
    const { pid, facts } = caller;
    this.id = this.parts.table.mount(
      {
        place: caller.takePlace(),
        what: deviceFd === undefined ? settings : withoutDevice(settings),
        logs: lifetime === 'connection' ? 'line' : 'sink',
        caller: { pid, mountNamespace: facts.mountNamespace },
        ...(deviceFd === undefined ? {} : { deviceFd }),
      },
      {
        line: (line) => answer({ kind: 'log', line }),
        mounted: () => {},
        ready: () => this.ready(),
        refused: ({ message, errno }) => {
          this.state = 'over';
          answer({ kind: 'refused', message, ...(errno === undefined ? {} : { errno }) });
        },
        ended: (error) => {
          this.state = 'over';
          answer({ kind: 'ended', ...(error === undefined ? {} : { error }) });
        },
        declined: (why) => {
          this.state = 'over';
          answer({ kind: 'alone', why });
        },
      },
    );
    caller.close();
  }

  unmount({ lazy }: { readonly lazy: boolean }): void {
    if (this.state !== 'ready' || this.id === undefined) return;
    this.parts.table.unmount(this.id, { lazy }).catch((error: unknown) => {
      const { message, errno } = asMountError(error, 'unmount');
      this.answer({ kind: 'busy', message, ...(errno === undefined ? {} : { errno }) });
    });
  }

  /** The client has closed the connection, and has read all answers. */
  left(): void {
    if (this.taken !== undefined) this.drop(this.taken);
    if (this.state === 'mounting') this.state = 'abandoned';
    if (this.state !== 'ready' || this.id === undefined) return;
    if (this.lifetime === 'connection') this.undo(this.id);
    this.state = 'over';
  }

  /** The client has closed the connection, and has not read all answers. */
  lost(): void {
    if (this.state === 'ready' && this.id !== undefined) {
      this.undo(this.id);
      this.state = 'over';
    }
    this.left();
  }

  private drop({ caller, deviceFd }: Taken): void {
    this.taken = undefined;
    this.state = 'over';
    caller.close();
    if (deviceFd !== undefined) closeSync(deviceFd);
  }

  private ready(): void {
    if (this.id === undefined) return;
    if (this.state === 'abandoned') {
      this.undo(this.id);
      this.state = 'over';
      return;
    }
    this.state = 'ready';
    this.parts.table.answered(this.id);
    this.answer({ kind: 'ready' });
  }

  private undo(id: number): void {
    this.parts.table.unmount(id, { lazy: true }).catch((error: unknown) => {
      this.parts.log(`serve: a mount without a client cannot be undone: ${asMountError(error, 'unmount').message}`);
    });
  }

  /** Checks the client, and gets its /dev/fuse if it has mounted already. */
  private prepare({ config, logFile }: MountSettings): Omit<Taken, 'settings'> | string {
    if (config.transport !== 'direct' || config.debug) return 'a mount of this kind needs a server of its own';
    if (pathsOf(config, logFile).some(isOwnPath)) return 'a path that only the client can resolve';
    const caller = this.parts.check();
    if (typeof caller === 'string' || config.deviceFd === undefined) {
      return typeof caller === 'string' ? caller : { caller, deviceFd: undefined };
    }
    const deviceFd = tryDuplicateFrom(caller.pid, config.deviceFd);
    if (deviceFd >= 0 && caller.isAlive()) return { caller, deviceFd };
    if (deviceFd >= 0) closeSync(deviceFd);
    caller.close();
    return 'its /dev/fuse cannot be duplicated';
  }
}

function pathsOf({ lowers, upper = '', work = '', mountpoint, deviceFd }: MountConfig, logFile = ''): string[] {
  return [...lowers, upper, work, logFile, ...(deviceFd === undefined ? [mountpoint] : [])];
}

/** The settings without the number of the fd, which is that of the client. The order has the duplicate. */
function withoutDevice({ config: { deviceFd: _, ...config }, ...settings }: MountSettings): MountSettings {
  return { ...settings, config };
}
