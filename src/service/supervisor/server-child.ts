/** The server process, as its parent sees it. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { ServerReport, SupervisorOrder } from '../order/supervisor-message.js';

/** How the server process has ended. */
export type Ending =
  /** By itself, as it should. */
  | { readonly kind: 'done'; readonly why: string }
  /** It was killed, has failed, or could not be started. */
  | { readonly kind: 'died'; readonly why: string };

export class ServerChild {
  private readonly process: ChildProcess;

  /**
   * Starts the process.
   * @param fds inherited by the process
   */
  constructor(
    [program = '', ...args]: readonly string[],
    { request, control, hasStderr }: { request: number; control: number; hasStderr: boolean },
  ) {
    this.process = spawn(program, args, {
      cwd: '/',
      stdio: ['ignore', 'ignore', hasStderr ? 'inherit' : 'ignore', 'ipc', request, control],
    });
  }

  get pid(): number | undefined {
    return this.process.pid;
  }

  /** Resolves when the process has ended and all its reports were handled. */
  async run(handle: (report: ServerReport) => void): Promise<Ending> {
    const child = this.process;
    child.on('message', handle);
    const exited = new Promise<Ending>((resolve) => {
      child.once('error', ({ message }) => {
        if (child.pid === undefined) resolve({ kind: 'died', why: message });
      });
      child.once('exit', (status, signal) => {
        resolve({ kind: status === 0 ? 'done' : 'died', why: signal ?? `status ${status}` });
      });
    });
    // Reports that the process has sent before its end can arrive after it.
    const disconnected = new Promise<void>((resolve) => child.once('disconnect', resolve));
    const ending = await exited;
    if (child.pid !== undefined && child.connected) await disconnected;
    return ending;
  }

  /** Sends an order, unless the process has ended. */
  send(order: SupervisorOrder): void {
    if (this.process.connected) this.process.send(order, () => {});
  }

  kill(): void {
    this.process.kill('SIGKILL');
  }
}
