/**
 * The server process of a service. Its main thread reads requests, checks callers, and gives mounts to
 * threads. It never touches a layer or a mountpoint, because their file systems can hang.
 */
import type { Server, Socket } from 'node:net';
import { MountError } from '../server/config/mount-error.js';
import { deferred } from '../server/deferred.js';
import {
  type Check,
  checkProperties,
  numberBetween,
  parseJson,
  required,
  TEXT,
} from '../server/options/kinds/property-checks.js';
import { onStopSignals, stopForGood } from '../server/process/stop-signals.js';
import { limitLines } from '../server/serving/log-limit.js';
import { factsOf, type ProcessFacts } from '../sys/process/process-facts.js';
import type { ServiceStatus } from './control/control-message.js';
import { serveControl } from './control/control-server.js';
import { CheckedDirectory } from './directory/checked-directory.js';
import { Exchanges, type ParseCommandLine } from './front/exchanges.js';
import { MountTable } from './front/mount-table.js';
import { RequestLines, readRequests } from './front/request-lines.js';
import { Lifetime } from './lifetime.js';
import type { Mounts } from './order/mount-order.js';
import { CONTROL_FD, REQUEST_FD, type ServerReport, type SupervisorOrder } from './order/supervisor-message.js';

/** The settings that the supervisor gives to the server process. */
export interface InsideSettings {
  readonly base: string;
  readonly directory: string;
  /** After this time without mounts the service ends, in milliseconds. */
  readonly idleMs?: number;
}

const CHECKS = {
  base: required(TEXT),
  directory: required(TEXT),
  idleMs: numberBetween(0, Number.MAX_SAFE_INTEGER),
} satisfies Record<keyof InsideSettings, Check>;

/**
 * How long the process still answers callers that have found the service before its end, in milliseconds.
 */
const LINGER_MS = 100;

/**
 * The settings in a text of JSON.
 * @throws {@link MountError} if it has none, because the command was not started by `plyfs serve`
 */
export function insideSettingsOf(text: string): InsideSettings {
  const settings = parseJson('serve-inside', text);
  checkProperties('serve-inside', settings, CHECKS);
  return settings as InsideSettings;
}

/** Sends a report to the supervisor. If it has died, nobody reads reports. */
function report(message: ServerReport): void {
  if (process.connected) process.send?.(message, () => {});
}

/**
 * Serves until the service ends.
 * @param pool the threads that serve the mounts
 */
export async function serveInside(settings: InsideSettings, parse: ParseCommandLine, pool: Mounts): Promise<void> {
  const own = factsOf(process.pid);
  const directory = CheckedDirectory.open(settings);
  if (own === undefined || directory === undefined || !process.connected) {
    throw MountError.of({ what: 'serve-inside', why: 'not started by plyfs serve' });
  }
  // A service in the background has no stderr, so Node's own message would be lost.
  process.on('uncaughtExceptionMonitor', ({ stack, message }) => report({ kind: 'log', line: stack ?? message }));
  await new ServerProcess({ own, directory, pool, parse, idleMs: settings.idleMs }).run();
}

interface ServerParts {
  readonly own: ProcessFacts;
  readonly directory: CheckedDirectory;
  readonly pool: Mounts;
  readonly parse: ParseCommandLine;
  readonly idleMs: number | undefined;
}

class ServerProcess {
  private readonly log = limitLines((line) => report({ kind: 'log', line }));
  private readonly table: MountTable;
  private readonly exchanges: Exchanges;
  private readonly lifetime: Lifetime;
  private readonly requests: Socket;
  private readonly control: Server;
  /** The lifetime has ended. */
  private readonly ended = deferred();
  /** No caller can find the service any more. */
  private readonly closed = deferred();

  constructor(private readonly parts: ServerParts) {
    const { own, pool, parse, directory, idleMs } = parts;
    const accepts = (): boolean => this.lifetime.isOpen && directory.isUnchanged();
    const changed = (): void => this.lifetime.changed();
    this.table = new MountTable(pool, report);
    this.table.watch(changed);
    this.exchanges = new Exchanges({ table: this.table, own, parse, accepts, changed, log: this.log });
    this.lifetime = new Lifetime({
      activity: () => this.table.size + this.exchanges.size,
      stopAll: async () => await this.table.stopAll(),
      ending: () => {
        this.table.close();
        this.ended.resolve();
      },
      idleMs,
    });
    this.requests = readRequests(REQUEST_FD, new RequestLines((request) => this.exchanges.handle(request), this.log));
    this.control = serveControl(CONTROL_FD, {
      table: this.table,
      own,
      accepts,
      log: this.log,
      status: async () => await this.status(),
      drain: (waits, ending) => this.drain(waits, ending),
      stop: () => this.stop(),
    });
  }

  /** Resolves when the process has nothing more to do. */
  async run(): Promise<void> {
    process.on('message', (order: SupervisorOrder) => {
      if (order.kind === 'closed') this.closed.resolve();
      else this.stop();
    });
    process.once('disconnect', () => this.outliveSupervisor());
    onStopSignals(() => this.stop());
    // Loads and compiles the code that the first caller would wait for.
    await this.parts.parse('plyfs', ['mount', '-o', 'lowerdir=/:/', '/']);
    report({ kind: 'accepts' });
    await this.ended.promise;
    report({ kind: 'ending' });
    await this.closed.promise;
    await new Promise((resolve) => setTimeout(resolve, LINGER_MS));
    this.closeEntrances();
  }

  /**
   * Unmounts everything and ends the process. The supervisor knows it from the beginning, so that it does not
   * start another one. If a thread hangs, the process is killed, by itself or by the supervisor.
   */
  private stop(): void {
    report({ kind: 'ending' });
    void stopForGood(this.lifetime);
  }

  /** The supervisor was killed: the process serves the mounts that exist, and ends with the last one. */
  private outliveSupervisor(): void {
    this.closed.resolve();
    this.closeEntrances();
    this.lifetime.drain(() => {});
  }

  private closeEntrances(): void {
    this.requests.destroy();
    this.control.close();
    this.exchanges.dismiss();
  }

  private async status(): Promise<ServiceStatus> {
    const { threads, mounts } = await this.table.status();
    return {
      supervisor: { pid: process.ppid },
      server: { pid: process.pid, threads, rss: process.memoryUsage.rss() },
      mounts,
      served: this.table.served,
    };
  }

  private drain(waits: (mountpoints: readonly string[]) => void, ending: () => void): () => void {
    const tell = (): void => waits(this.table.mountpoints);
    const unwatch = this.table.watch(tell);
    tell();
    const withdraw = this.lifetime.drain(ending);
    return () => {
      unwatch();
      withdraw();
    };
  }
}
