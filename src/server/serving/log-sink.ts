/** Where a daemon's log lines go: it holds none of the stdio of whoever started it. */
import { spawnSync } from 'node:child_process';
import { openSync, writeSync } from 'node:fs';
import { errnoOf, MountError } from '../config/mount-error.js';

/**
 * @param file appended to; without it the lines go to syslog
 */
export function openLogSink(file: string | undefined): (line: string) => void {
  return file === undefined ? syslogSink() : fileSink(file);
}

function fileSink(file: string): (line: string) => void {
  const fd = openLogFile(file);
  return (line) => {
    writeSync(fd, `${new Date().toISOString()} plyfs[${process.pid}]: ${line}\n`);
  };
}

function openLogFile(file: string): number {
  try {
    return openSync(Buffer.from(file, 'latin1'), 'a', 0o600);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    throw MountError.of({ what: 'log', where: file, errno });
  }
}

/**
 * Through logger(1), waited for: a line is rare, and the next one may be the last. Where there is no syslog,
 * nothing.
 */
function syslogSink(): (line: string) => void {
  return (line) => {
    spawnSync('logger', ['-t', `plyfs[${process.pid}]`, '--', line], { stdio: 'ignore', timeout: 5000 });
  };
}
