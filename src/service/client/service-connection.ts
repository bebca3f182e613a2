/** A client's connection to the service of its user, over the control socket. */
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { Errno } from '../../core/errno.js';
import { errnoOf, MountError } from '../../server/config/mount-error.js';
import { isRunning } from '../../sys/proc.js';
import { isStopped } from '../../sys/process/process-facts.js';
import type { ControlRequest } from '../control/control-message.js';
import { onLines, sendLine } from '../control/json-lines.js';
import { CheckedDirectory, NAMES, type ServicePids } from '../directory/checked-directory.js';
import { type DirectoryPath, type Environment, locateDirectory } from '../directory/locate-directory.js';

/** Receives the service's answers. */
export interface ConnectionEvents {
  /** An answer: what JSON.parse has made of it. */
  answer(value: unknown): void;
  /** The connection has failed. `closed` follows. */
  failed?(why: string): void;
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
      const connection = await ServiceConnection.connect(path);
      return connection ?? `no service runs for this user in ${path.directory}`;
    } catch (error) {
      if (!(error instanceof MountError) && errnoOf(error) === undefined) throw error;
      return (error as Error).message;
    }
  }

  /**
   * Connects. Resolves with undefined if no service runs in the directory.
   * @throws {@link MountError} if the directory is not safe
   */
  static async connect(path: DirectoryPath): Promise<ServiceConnection | undefined> {
    const directory = CheckedDirectory.open(path);
    try {
      const pids = directory?.readPids();
      if (directory === undefined || pids === undefined || !isRunning(pids.supervisor)) return undefined;
      const socket = createConnection(directory.pathOf(NAMES.control));
      await once(socket, 'connect');
      return new ServiceConnection(socket, pids);
    } catch (error) {
      const errno = errnoOf(error);
      // It has just ended, or was killed and has left its socket.
      if (errno === Errno.ECONNREFUSED || errno === Errno.ENOENT) return undefined;
      throw error;
    } finally {
      directory?.close();
    }
  }

  listen(events: ConnectionEvents): void {
    onLines(this.socket, (line) => {
      const answer = parse(line);
      if (answer !== undefined) events.answer(answer);
      else {
        events.failed?.('its answer is no JSON');
        this.abort();
      }
    });
    // ECONNRESET, EPIPE: the service has ended.
    this.socket.on('error', ({ message }) => events.failed?.(message));
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

  /** Ends the connection now, also if the service does not read. */
  abort(): void {
    this.socket.destroy();
  }
}

/** Undefined: the line is no JSON. */
function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}
