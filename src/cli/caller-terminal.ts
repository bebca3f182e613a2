/** The terminal that plyfs was started on. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { isatty } from 'node:tty';

/** What stty(1) brings a terminal back to. */
export type TerminalSettings = string;

/**
 * The settings of the terminal on stdin; undefined: there is none, or others have it now (we run in the background), or it cannot be
 * changed.
 */
export function terminalSettings(): TerminalSettings | undefined {
  if (!isatty(0) || !isInForeground()) return undefined;
  const { status, stdout } = spawnSync('stty', ['-g'], { stdio: ['inherit', 'pipe', 'ignore'], encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

/** @param fd of the terminal */
export function setTerminal(settings: readonly string[], fd: number | 'inherit' = 'inherit'): void {
  spawnSync('stty', settings, { stdio: [fd, 'ignore', 'ignore'] });
}

/** Fields 5 and 8 of /proc/self/stat: our process group, and that which has the terminal (man proc_pid_stat(5)). */
function isInForeground(): boolean {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[2] === fields[5];
}
