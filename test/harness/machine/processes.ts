/** Processes of this machine, from /proc. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

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

/**
 * The targets of the open files of the process `pid`, by the number of the fd. An fd that the process closes
 * after the listing is not among them. Fails with ENOENT if there is no such process. `proc` is where the
 * process's PID namespace has its proc file system.
 */
export function openFilesOf(pid: number, proc = '/proc'): Map<string, string> {
  return linksIn(`${proc}/${pid}/fd`);
}

/** The working directories of the threads of the process `pid`, by the number of the thread. */
export function threadDirectoriesOf(pid: number): Map<string, string> {
  return linksIn(`/proc/${pid}/task`, '/cwd');
}

/**
 * The targets of the links `NAME` + `suffix` in `directory`, by NAME, without those that disappear after the
 * listing.
 */
function linksIn(directory: string, suffix = ''): Map<string, string> {
  const links = new Map<string, string>();
  for (const name of readdirSync(directory)) {
    try {
      links.set(name, readlinkSync(`${directory}/${name}${suffix}`));
    } catch (error) {
      // The fd was closed, or the thread ended, after the listing.
      if (!['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
  return links;
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean).join(' ');
  } catch {
    return ''; // ENOENT, ESRCH: the process has ended
  }
}
