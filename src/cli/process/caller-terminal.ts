/** The terminal of the process that has started plyfs. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { isatty } from 'node:tty';

/** Output of `stty -g`: as an argument of stty(1) it restores a terminal. */
export type TerminalSettings = string;

/**
 * The settings of the terminal on stdin. Undefined if stdin is not a terminal, if this process is in the
 * terminal's background, or if stty(1) fails.
 */
export function terminalSettings(): TerminalSettings | undefined {
  if (!isatty(0) || !isInForeground()) return undefined;
  const { status, stdout } = spawnSync('stty', ['-g'], { stdio: ['inherit', 'pipe', 'ignore'], encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

/**
 * Changes a terminal with stty(1). A failure is ignored, because the terminal may have been closed.
 * @param settings arguments of stty(1)
 * @param fd the terminal; `inherit`: stdin
 */
export function setTerminal(settings: readonly string[], fd: number | 'inherit' = 'inherit'): void {
  spawnSync('stty', settings, { stdio: [fd, 'ignore', 'ignore'] });
}

/**
 * Whether this process is in the foreground of its terminal. Compares fields 5 and 8 of /proc/self/stat: its
 * process group and the terminal's foreground group (man proc_pid_stat(5)).
 */
function isInForeground(): boolean {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[2] === fields[5];
}
