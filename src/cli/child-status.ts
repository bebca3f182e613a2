/** Waiting for a program that has the terminal. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';

/** What ends a program that does not know it, or what it may know. */
const PASSED_ON = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGALRM'] as const;

/**
 * The status with which `child` ends; 128 and the number of the signal that ended it. Signals of the terminal reach it by themselves, and
 * it decides what they mean; those that are sent to us alone are passed on by `tell`.
 */
export async function statusOf(child: ChildProcess, tell: (signal: NodeJS.Signals) => void): Promise<number> {
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) process.on(signal, () => {});
  for (const signal of PASSED_ON) process.on(signal, () => tell(signal));
  const [status, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  return status ?? 128 + constants.signals[signal ?? 'SIGKILL'];
}
