/** The exchanges with all callers that ask by the FIFO. */
import { closeSync } from 'node:fs';
import { asMountError } from '../../server/config/mount-error.js';
import { tryDuplicateFrom } from '../../sys/ipc/pidfd.js';
import { commandLineOf, type ProcessFacts } from '../../sys/process/process-facts.js';
import type { MountArguments } from '../order/mount-arguments.js';
import { givenDeviceFd, isFuseDevice, refusalOf } from './accepted-arguments.js';
import { AnswerPipe } from './answer-pipe.js';
import { Caller } from './caller.js';
import { Exchange } from './exchange.js';
import type { MountTable } from './mount-table.js';
import type { Request } from './request-lines.js';
import { isOutOfFds, ReserveFd } from './reserve-fd.js';

/** The pause after which the service tries again to answer a caller, in milliseconds. */
const RETRY_MS = 100;

/**
 * Parses a command line. Undefined: it does not mount, or is wrong.
 * @param name the path by which `bin/plyfs` was called
 */
export type ParseCommandLine = (name: string, args: readonly string[]) => Promise<MountArguments | undefined>;

export interface ExchangesParts {
  readonly table: MountTable;
  /** The facts of this process. */
  readonly own: ProcessFacts;
  readonly parse: ParseCommandLine;
  /** Whether the service accepts mounts: it does not end, and its directory is safe. */
  accepts(): boolean;
  /** Called after each change of {@link Exchanges.size}. */
  changed(): void;
  log(line: string): void;
}

/** A caller whose command line the service takes. */
interface Accepted {
  readonly caller: Caller;
  readonly args: MountArguments;
  readonly deviceFd: number | undefined;
}

export class Exchanges {
  private readonly reserve = new ReserveFd();
  /** The exchanges in which `take` was sent, by the pid of the caller. */
  private readonly running = new Map<number, Exchange>();
  /** The callers that have no answer yet. */
  private readonly asking = new Set<number>();

  constructor(private readonly parts: ExchangesParts) {}

  /** The callers that have asked and have no mount yet. */
  get size(): number {
    return this.running.size + this.asking.size;
  }

  handle(request: Request): void {
    if (request.kind === 'go') this.go(request.pid);
    else this.ask(request.pid, request.argc).catch((error: unknown) => this.report(request.pid, error));
  }

  /** Ends the exchanges in which the caller can still serve itself. */
  dismiss(): void {
    for (const exchange of [...this.running.values()]) exchange.dismiss();
  }

  /**
   * Opens the pipe for the answer. Undefined: there is none, or no fds are left. Then the caller gets the
   * answer `alone`, because it waits for as long as the service runs.
   */
  private openPipe(pid: number, argc: number): AnswerPipe | undefined {
    try {
      const pipe = AnswerPipe.open(pid);
      if (pipe === undefined) this.parts.log(`serve: ${pid}: asks without a pipe for the answer`);
      return pipe;
    } catch (error) {
      if (!isOutOfFds(error)) throw error;
    }
    try {
      this.reserve.use(() => {
        const pipe = AnswerPipe.open(pid);
        if (pipe !== undefined) this.answerAlone(pid, pipe, 'the service has no file descriptors left');
      });
    } catch (error) {
      if (!isOutOfFds(error)) throw error;
      setTimeout(() => this.handle({ kind: 'ask', pid, argc }), RETRY_MS);
    }
    return undefined;
  }

  private async ask(pid: number, argc: number): Promise<void> {
    if (this.asking.has(pid)) return;
    const pipe = this.openPipe(pid, argc);
    if (pipe === undefined) return;
    this.asking.add(pid);
    // The caller gets an answer also after an exception.
    let accepted: Accepted | string = 'an internal error';
    try {
      accepted = this.parts.accepts() ? await this.accept(pid, argc) : 'the service ends, or its directory has changed';
    } finally {
      this.asking.delete(pid);
      if (typeof accepted === 'string') this.answerAlone(pid, pipe, accepted);
    }
    if (typeof accepted !== 'string') this.start(pipe, accepted);
    this.parts.changed();
  }

  /** Makes the caller serve itself. The log has the reason, because the caller prints none. */
  private answerAlone(pid: number, pipe: AnswerPipe, why: string): void {
    this.parts.log(`serve: ${pid}: serves itself: ${why}`);
    pipe.send('alone');
    pipe.close();
  }

  /** Reads and checks what the process asks for. Returns the reason if the service does not take it. */
  private async accept(pid: number, argc: number): Promise<Accepted | string> {
    const { own, parse } = this.parts;
    const words = commandLineOf(pid) ?? [];
    const [name, ...rest] = words.slice(-argc - 1);
    if (name === undefined || rest.length !== argc) return 'its command line has fewer words than it has counted';
    const args = await parse(name, rest);
    if (args === undefined) return 'not a command line that mounts';
    const why = refusalOf(args);
    if (why !== undefined) return why;
    // After the parsing, which can take several turns of the event loop: from here on nothing waits until the
    // exchange begins, so the facts are fresh.
    const caller = Caller.check(pid, own);
    if (typeof caller === 'string') return caller;
    const deviceFd = caller.runs(words) ? duplicateDevice(pid, args.mountpoint) : 'it runs another program by now';
    if (typeof deviceFd !== 'string') return { caller, args, deviceFd };
    caller.close();
    return deviceFd;
  }

  private start(pipe: AnswerPipe, { caller, args, deviceFd }: Accepted): void {
    const { table, log } = this.parts;
    const { pid, facts } = caller;
    let id: number | undefined;
    let isTaken = false;
    const exchange = new Exchange({
      pipe,
      isAlive: () => caller.isAlive(),
      mount: (self) => {
        isTaken = true;
        id = table.mount(
          {
            place: caller.takePlace(),
            what: args,
            logs: 'sink',
            caller: { pid, mountNamespace: facts.mountNamespace },
            ...(deviceFd === undefined ? {} : { deviceFd }),
          },
          {
            line: (text) => self.line(text),
            mounted: () => {},
            ready: () => self.ready(),
            refused: ({ message }) => self.refused(message),
            ended: () => self.ended(),
            declined: () => self.declined(),
          },
        );
      },
      undo: async () => {
        if (id !== undefined) await table.unmount(id, { lazy: true });
      },
      answering: () => {
        if (id !== undefined) table.answered(id);
      },
      over: () => {
        caller.close();
        if (!isTaken && deviceFd !== undefined) closeSync(deviceFd);
        if (this.running.get(pid) === exchange) this.running.delete(pid);
        this.parts.changed();
      },
      log,
    });
    // An older exchange of the same pid was with another process, and ends by itself.
    this.running.set(pid, exchange);
    exchange.start();
  }

  private go(pid: number): void {
    const exchange = this.running.get(pid);
    try {
      exchange?.go();
    } catch (error) {
      this.report(pid, error);
      exchange?.refused(asMountError(error, 'mount').message);
    }
  }

  /** An error in one exchange, also an unexpected one, must not end the mounts of others. */
  private report(pid: number, error: unknown): void {
    const { message, cause } = asMountError(error, `serve: ${pid}`);
    this.parts.log(message);
    if (cause instanceof Error) this.parts.log(cause.stack ?? cause.message);
  }
}

/**
 * Duplicates the /dev/fuse that the mountpoint names. Undefined: it names a directory. A text: the reason why
 * the caller must serve it.
 */
function duplicateDevice(pid: number, mountpoint: string): number | undefined | string {
  const number = givenDeviceFd(mountpoint);
  if (number === undefined) return undefined;
  if (!isFuseDevice(pid, number)) return 'a mountpoint that only the caller can resolve';
  const fd = tryDuplicateFrom(pid, number);
  return fd < 0 ? 'its /dev/fuse cannot be duplicated' : fd;
}
