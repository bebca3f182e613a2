/** The server process, as its parent sees it. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { ServerReport, SupervisorOrder } from '../order/supervisor-message.js';

/** How the server process has ended. */
export type Ending =
  /** By itself, as it should. */
  | { readonly kind: 'done'; readonly why: string }
  /** It was killed, has failed, or could not be started. */
  | { readonly kind: 'died'; readonly why: string };

/**
 * How long the kernel may need to end the process after SIGKILL, in milliseconds. A thread that waits for a
 * FUSE server which has its request already cannot be killed.
 */
const KILLING_MS = 1000;

export class ServerChild {
  private readonly process: ChildProcess;
  /** Ends the waiting for a process that cannot be killed. */
  private giveUp: () => void = () => {};
  private patience: NodeJS.Timeout | undefined;

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

  /**
   * Resolves when the process has ended and all its reports were handled, or when it cannot be killed.
   */
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
    const unkillable = new Promise<Ending>((resolve) => {
      this.giveUp = () => resolve({ kind: 'died', why: 'it cannot be killed, because a file system does not answer' });
    });
    const complete = exited.then(async (ending) => {
      if (child.pid !== undefined && child.connected) await disconnected;
      return ending;
    });
    const ending = await Promise.race([complete, unkillable]);
    clearTimeout(this.patience);
    return ending;
  }

  /** Sends an order, unless the process has ended. */
  send(order: SupervisorOrder): void {
    if (this.process.connected) this.process.send(order, () => {});
  }

  kill(): void {
    this.process.kill('SIGKILL');
    this.patience = setTimeout(() => this.giveUp(), KILLING_MS);
  }
}
