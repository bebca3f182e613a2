/** Waiting for a program, and the signals that are meant for it. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';

/** What ends a program that does not know it, or what it may know. */
const PASSED_ON = ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGALRM'] as const;

/** Within this time of each other, milliseconds, a signal that two processes got was one to their group. */
const SAME_MS = 250;
/** How much later than the other one of the two may get it. */
const LATER_MS = 30;

/** Calls `take` for each signal of a kind that is passed on. */
export function onSignals(take: (signal: NodeJS.Signals) => void): void {
  for (const signal of PASSED_ON) process.on(signal, () => take(signal));
}

/** The status with which `child` ends; 128 and the number of the signal that ended it. */
export async function statusOf(child: ChildProcess): Promise<number> {
  const [status, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  return status ?? statusOfSignal(signal ?? 'SIGKILL');
}

export function statusOfSignal(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

/**
 * Signals for the command of `plyfs run`, in the process that starts it. The outer process tells of those that it gets. A command in our
 * process group gets those of the terminal (and others that are for the group) by itself: as we do then. Those that only the outer
 * process got are passed on.
 */
export class CommandSignals {
  #command: ChildProcess | undefined;
  #hasOwnTerminal = false;
  readonly #ownAt = new Map<NodeJS.Signals, number>();
  /** Before there was a command. */
  #early: NodeJS.Signals | undefined;

  constructor() {
    onSignals((signal) => this.#ownAt.set(signal, Date.now()));
    process.on('message', (signal: NodeJS.Signals) => this.#told(signal));
  }

  /** One that came before there was a command: it is not to be started. */
  get early(): NodeJS.Signals | undefined {
    return this.#early;
  }

  /** @param hasOwnTerminal it is in a session of its own, and gets nothing that we get */
  attach(command: ChildProcess, hasOwnTerminal: boolean): void {
    this.#command = command;
    this.#hasOwnTerminal = hasOwnTerminal;
  }

  #told(signal: NodeJS.Signals): void {
    const command = this.#command;
    if (command === undefined) this.#early = signal;
    else if (this.#hasOwnTerminal) command.kill(signal);
    else setTimeout(() => this.#wasForGroup(signal) || command.kill(signal), LATER_MS);
  }

  #wasForGroup(signal: NodeJS.Signals): boolean {
    return Date.now() - (this.#ownAt.get(signal) ?? 0) < SAME_MS;
  }
}
