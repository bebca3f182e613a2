/** Waits for a program and passes signals on to it. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';

/** The signals that are passed on: each ends a program that does not handle it. */
const PASSED_ON = ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGALRM'] as const;

/**
 * How long after a signal the report of the outer process can arrive, if the inner process has got the signal
 * too because it was sent to their process group. In milliseconds.
 */
const GROUP_SIGNAL_MS = 250;
/**
 * How long the inner process waits for its own copy of a reported signal, which can arrive after the report.
 * In milliseconds.
 */
const OWN_COPY_WAIT_MS = 30;

/** Calls `handle` for each of the signals that are passed on. */
export function onSignals(handle: (signal: NodeJS.Signals) => void): void {
  for (const signal of PASSED_ON) process.on(signal, () => handle(signal));
}

/** Resolves with the exit status of `child`: 128 plus the signal's number, if a signal ended it. */
export async function statusOf(child: ChildProcess): Promise<number> {
  const [status, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  return status ?? statusOfSignal(signal ?? 'SIGKILL');
}

/** The exit status of a program that `signal` has ended, as a shell reports it. */
export function statusOfSignal(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

/**
 * Passes signals on to the command of `plyfs run`. This object is in the inner process, which starts the
 * command. The outer process reports each signal that it gets. The terminal and `kill -- -PGID` signal a
 * whole process group: the kernel then signals the outer process, the inner process, and a command in their
 * group. So the inner process passes a signal on to a command in its group only if the outer process alone
 * has got it. To a command in a session of its own it passes every signal on.
 */
export class CommandSignals {
  private command: ChildProcess | undefined;
  private hasOwnTerminal = false;
  /** The time at which this process itself last got each signal. */
  private readonly ownAt = new Map<NodeJS.Signals, number>();
  private signalBeforeStart: NodeJS.Signals | undefined;

  constructor() {
    onSignals((signal) => this.ownAt.set(signal, Date.now()));
    process.on('message', (signal: NodeJS.Signals) => this.reported(signal));
  }

  /**
   * A signal that was reported before the command was started. If there is one, the command must not be
   * started.
   */
  get beforeStart(): NodeJS.Signals | undefined {
    return this.signalBeforeStart;
  }

  /**
   * @param hasOwnTerminal the command is in its own session, so it gets no signal that is sent to the group
   * of this process
   */
  attach(command: ChildProcess, { hasOwnTerminal }: { hasOwnTerminal: boolean }): void {
    this.command = command;
    this.hasOwnTerminal = hasOwnTerminal;
  }

  /** Handles a signal that the outer process has reported. */
  private reported(signal: NodeJS.Signals): void {
    const command = this.command;
    if (command === undefined) this.signalBeforeStart = signal;
    else if (this.hasOwnTerminal) command.kill(signal);
    else setTimeout(() => this.wasForGroup(signal) || command.kill(signal), OWN_COPY_WAIT_MS);
  }

  /**
   * Whether this process has just got the signal too: then it was sent to the group, and the command has it.
   */
  private wasForGroup(signal: NodeJS.Signals): boolean {
    return Date.now() - (this.ownAt.get(signal) ?? 0) < GROUP_SIGNAL_MS;
  }
}
