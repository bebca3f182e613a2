/** Messages to a service manager such as systemd (man sd_notify(3)). */
import { errnoOf } from '../../server/config/mount-error.js';
import { sendDatagram } from '../../sys/ipc/unix-socket.js';

const VARIABLE = 'NOTIFY_SOCKET';

export class ServiceManager {
  private constructor(private readonly socket: string | undefined) {}

  /** The manager that has started this process. Processes that this one starts do not report to it. */
  static take(environment: NodeJS.ProcessEnv = process.env): ServiceManager {
    const { [VARIABLE]: socket } = environment;
    delete environment[VARIABLE];
    return new ServiceManager(socket === '' ? undefined : socket);
  }

  /**
   * Sends assignments such as `READY=1`. Without a manager it does nothing.
   * @returns the reason why the manager cannot get them
   */
  notify(...assignments: readonly string[]): string | undefined {
    if (this.socket === undefined) return undefined;
    try {
      sendDatagram(this.socket, assignments.join('\n'));
      return undefined;
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return `serve: ${VARIABLE}: ${(error as Error).message}`;
    }
  }
}
