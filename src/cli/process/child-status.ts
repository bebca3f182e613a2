/** Waits for a program and passes signals on to it. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';

/** Signals that end a program unless it handles them. */
const PASSED_ON = ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGALRM'] as const;

/** If two processes get a signal within this time, in milliseconds, it was sent to their process group. */
const SAME_MS = 250;
/** How long to wait for our own copy of a signal that the outer process has reported, in milliseconds. */
const LATER_MS = 30;

/** Calls `take` for each of the signals that are passed on. */
export function onSignals(take: (signal: NodeJS.Signals) => void): void {
  for (const signal of PASSED_ON) process.on(signal, () => take(signal));
}

/** The status with which `child` ends; 128 and the number of the signal that ended it. */
export async function statusOf(child: ChildProcess): Promise<number> {
  const [status, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  return status ?? statusOfSignal(signal ?? 'SIGKILL');
}

/** The exit status that stands for the end by `signal` (as in a shell). */
export function statusOfSignal(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

/**
 * Signals for the command of `plyfs run`, in the inner process, which starts it. The outer process reports
 * each signal that it gets. The terminal and `kill -- -PGID` signal a whole process group: then the kernel
 * signals the outer process, us and a command in our group. A signal that only the outer process got is
 * passed on to the command.
 */
export class CommandSignals {
  private command: ChildProcess | undefined;
  private hasOwnTerminal = false;
  /** When we got each signal ourselves. */
  private readonly ownAt = new Map<NodeJS.Signals, number>();
  private earlySignal: NodeJS.Signals | undefined;

  constructor() {
    onSignals((signal) => this.ownAt.set(signal, Date.now()));
    process.on('message', (signal: NodeJS.Signals) => this.reported(signal));
  }

  /**
   * A signal that was reported before the command was started; if there is one, the command must not be
   * started.
   */
  get early(): NodeJS.Signals | undefined {
    return this.earlySignal;
  }

  /** @param hasOwnTerminal the command is in a session of its own, where it gets no signal of our group */
  attach(command: ChildProcess, hasOwnTerminal: boolean): void {
    this.command = command;
    this.hasOwnTerminal = hasOwnTerminal;
  }

  private reported(signal: NodeJS.Signals): void {
    const command = this.command;
    if (command === undefined) this.earlySignal = signal;
    else if (this.hasOwnTerminal) command.kill(signal);
    else setTimeout(() => this.wasForGroup(signal) || command.kill(signal), LATER_MS);
  }

  private wasForGroup(signal: NodeJS.Signals): boolean {
    return Date.now() - (this.ownAt.get(signal) ?? 0) < SAME_MS;
  }
}
