/** Processes of this machine, as /proc shows them. */
import { readdirSync, readFileSync } from 'node:fs';

export interface Process {
  readonly pid: number;
  /** Empty for a process that has ended and was not waited for, and for a thread of the kernel. */
  readonly command: string;
}

export function processes(): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ pid: Number(name), command: commandOf(name) }));
}

/** The process in the background that serves the mount on `mountpoint`. */
export function serverOf(mountpoint: string): number | undefined {
  return processes().find(({ command }) => command.startsWith('plyfs /') && command.endsWith(mountpoint))?.pid;
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean).join(' ');
  } catch {
    return ''; // ENOENT, ESRCH: it ended while we looked
  }
}
