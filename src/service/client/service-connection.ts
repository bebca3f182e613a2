/** The connection of a client that wants a mount to the service of its user: the control socket. */
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { errnoOf, MountError } from '../../server/config/mount-error.js';
import { isRunning } from '../../sys/proc.js';
import { isStopped } from '../../sys/process/process-facts.js';
import type { ControlRequest } from '../control/control-message.js';
import { onLines, sendLine } from '../control/json-lines.js';
import { CheckedDirectory, NAMES, type ServicePids } from '../directory/checked-directory.js';
import { type Environment, locateDirectory } from '../directory/locate-directory.js';

/** Receives the service's answers. */
export interface ConnectionEvents {
  /** An answer: what JSON.parse has made of it. */
  answer(value: unknown): void;
  /** The connection has ended, by either side. No other event follows. */
  closed(): void;
}

export class ServiceConnection {
  private constructor(
    private readonly socket: Socket,
    private readonly pids: ServicePids,
  ) {}

  /** Connects. Resolves with the reason if no service runs, or if its directory is not safe. */
  static async open(environment: Environment = process.env): Promise<ServiceConnection | string> {
    try {
      const path = locateDirectory(environment);
      const none = `no service runs for this user in ${path.directory}`;
      const directory = CheckedDirectory.open(path);
      return directory === undefined ? none : ((await ServiceConnection.connect(directory)) ?? none);
    } catch (error) {
      if (!(error instanceof MountError)) throw error;
      return error.message;
    }
  }

  /** Connects, and closes `directory`. Resolves with undefined if no service runs there. */
  private static async connect(directory: CheckedDirectory): Promise<ServiceConnection | undefined> {
    try {
      const pids = directory.readPids();
      if (pids === undefined || !isRunning(pids.supervisor)) return undefined;
      const socket = createConnection(directory.pathOf(NAMES.control));
      await once(socket, 'connect');
      return new ServiceConnection(socket, pids);
    } catch (error) {
      // ENOENT, ECONNREFUSED: the service has just ended.
      if (errnoOf(error) === undefined) throw error;
      return undefined;
    } finally {
      directory.close();
    }
  }

  listen(events: ConnectionEvents): void {
    onLines(this.socket, (line) => events.answer(parse(line)));
    // ECONNRESET, EPIPE: the service has ended. `close` follows.
    this.socket.on('error', () => {});
    this.socket.on('close', () => events.closed());
  }

  send(request: ControlRequest): void {
    sendLine(this.socket, request);
  }

  /** Whether a signal has stopped the service, so that it does not answer. */
  isStopped(): boolean {
    return isStopped(this.pids.supervisor) || isStopped(this.pids.server);
  }

  /** Ends the connection after all that was sent. */
  close(): void {
    this.socket.end();
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw MountError.of({ what: 'service', why: 'its answer is no JSON', advice: 'restart plyfs serve' });
  }
}
