/**
 * The process `plyfs serve`. It does nothing that can fail or hang: it owns the service's directory, and
 * keeps a server process running.
 */
import { asMountError, MountError } from '../../server/config/mount-error.js';
import { onStopSignals } from '../../server/process/stop-signals.js';
import { ClaimedDirectory } from '../directory/claimed-directory.js';
import type { DirectoryPath } from '../directory/locate-directory.js';
import type { ServerReport } from '../order/supervisor-message.js';
import { ReportedMounts } from './reported-mounts.js';
import { type Ending, ServerChild } from './server-child.js';
import { ServiceManager } from './service-manager.js';

/** The pauses before the server process is started again: they grow from the first to the last. */
const FIRST_PAUSE_MS = 100;
const LAST_PAUSE_MS = 10_000;
/** How long the server process may need to end, in milliseconds. Then it is killed. */
const ENDING_MS = 5000;

export interface SupervisorParts {
  readonly path: DirectoryPath;
  readonly idleMs: number | undefined;
  /** The program and its arguments that run the server process, without its settings. */
  readonly program: readonly [string, ...string[]];
  /** The server process inherits the stderr of this process. */
  readonly hasStderr: boolean;
  /** Called once, when the service accepts mounts. */
  accepts(): void;
  log(line: string): void;
}

/**
 * Runs the service. Resolves when it has ended.
 * @throws {@link MountError} if it cannot be started
 */
export async function runService(parts: SupervisorParts): Promise<void> {
  const directory = ClaimedDirectory.claim(parts.path);
  try {
    await new Supervisor(parts, directory).run();
  } finally {
    directory.release();
  }
}

class Supervisor {
  private readonly manager = ServiceManager.take();
  private readonly mounts: ReportedMounts;
  private child: ServerChild | undefined;
  private pauseMs = FIRST_PAUSE_MS;
  private hasAccepted = false;
  /** When the last server process began to accept mounts. */
  private acceptedAt = 0;
  /** The reason why a server process that accepts mounts was killed. */
  private failure: MountError | undefined;
  private isEnding = false;
  /** Ends a pause before the next start. */
  private wake: () => void = () => {};
  /** Kills the server process if it does not end in time. */
  private killer: NodeJS.Timeout | undefined;

  constructor(
    private readonly parts: SupervisorParts,
    private readonly directory: ClaimedDirectory,
  ) {
    this.mounts = new ReportedMounts(parts.log);
  }

  async run(): Promise<void> {
    onStopSignals(() => this.stop());
    while (!this.isEnding) {
      const ending = await this.runServer();
      if (this.isEnding) {
        if (ending.kind === 'done') break;
        this.parts.log(`serve: the server process did not end by itself: ${ending.why}; its mounts are detached`);
        await this.mounts.detach('all');
      } else await this.recover(ending);
    }
    clearTimeout(this.killer);
  }

  /** Starts a server process. Resolves when it has ended. */
  private async runServer(): Promise<Ending> {
    const { program, idleMs, path, hasStderr } = this.parts;
    const { request, control } = this.directory;
    const settings = JSON.stringify({ ...path, ...(idleMs === undefined ? {} : { idleMs }) });
    this.child = new ServerChild([...program, settings], { request, control, hasStderr });
    const ending = await this.child.run((report) => this.handle(report));
    this.child = undefined;
    this.directory.removePids();
    return ending;
  }

  private handle(report: ServerReport): void {
    switch (report.kind) {
      case 'accepts':
        this.accept();
        break;
      case 'log':
        this.parts.log(report.line);
        break;
      case 'ending':
        this.beginEnding();
        this.child?.send({ kind: 'closed' });
        this.scheduleKill();
        break;
      default:
        this.mounts.handle(report);
    }
  }

  private accept(): void {
    const pid = this.child?.pid;
    if (pid === undefined || this.isEnding) return;
    try {
      this.directory.writePids({ supervisor: process.pid, server: pid });
    } catch (error) {
      // ENOSPC, for example. No caller would find this server process.
      this.failure = asMountError(error, `serve: ${this.directory.path}`);
      this.child?.kill();
      return;
    }
    this.acceptedAt = performance.now();
    this.notify(`STATUS=accepts mounts in ${this.directory.path}`, 'READY=1');
    if (!this.hasAccepted) this.parts.accepts();
    this.hasAccepted = true;
  }

  /** Cleans up after a server process that has died, and waits before the next one is started. */
  private async recover(ending: Ending): Promise<void> {
    const { failure } = this;
    this.failure = undefined;
    if (!this.hasAccepted) {
      const why = `the server process ended before it accepted mounts: ${ending.why}`;
      throw failure ?? MountError.of({ what: 'serve', why });
    }
    if (failure !== undefined) this.parts.log(failure.message);
    this.parts.log(`serve: the server process ended: ${ending.why}; its mounts are lost, and it is started again`);
    this.notify('STATUS=starts the server process again');
    await this.mounts.detach('unanswered');
    if (!this.directory.isUnchanged()) {
      throw MountError.of({
        what: 'serve',
        where: this.directory.path,
        why: 'removed or changed while the service ran, so no caller finds the service',
        advice: 'start it again',
      });
    }
    // A signal can have come while the mounts were detached.
    if (this.isEnding) return;
    // It has served for long, so it has no lasting fault.
    if (performance.now() - this.acceptedAt > LAST_PAUSE_MS) this.pauseMs = FIRST_PAUSE_MS;
    const { pauseMs } = this;
    this.pauseMs = Math.min(pauseMs * 2, LAST_PAUSE_MS);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, pauseMs);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Ends the service after a signal: the server process unmounts everything. */
  private stop(): void {
    this.beginEnding();
    this.wake();
    this.child?.send({ kind: 'stop' });
    this.scheduleKill();
  }

  /** Kills the server process if it does not end soon: a thread can hang in a layer. */
  private scheduleKill(): void {
    this.killer ??= setTimeout(() => this.child?.kill(), ENDING_MS);
  }

  /** No caller begins to ask from now on. */
  private beginEnding(): void {
    if (this.isEnding) return;
    this.isEnding = true;
    this.notify('STOPPING=1', 'STATUS=ends');
    try {
      this.directory.removePids();
    } catch (error) {
      // Callers that find the file find out by the pid that this process has ended.
      this.parts.log(asMountError(error, 'serve').message);
    }
  }

  private notify(...assignments: readonly string[]): void {
    const failure = this.manager.notify(...assignments);
    if (failure !== undefined) this.parts.log(failure);
  }
}
