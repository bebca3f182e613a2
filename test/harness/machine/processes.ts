/** Processes of this machine, from /proc. */
import { readdirSync, readFileSync } from 'node:fs';

export interface Process {
  readonly pid: number;
  /** Empty for a zombie and for a thread of the kernel. */
  readonly command: string;
}

export function processes(): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ pid: Number(name), command: commandOf(name) }));
}

/** The pid of the background process that serves the mount on `mountpoint`. */
export function serverOf(mountpoint: string): number | undefined {
  return processes().find(({ command }) => command.startsWith('plyfs /') && command.endsWith(mountpoint))?.pid;
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean).join(' ');
  } catch {
    return ''; // ENOENT, ESRCH: the process has ended
  }
}
