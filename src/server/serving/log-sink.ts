/** The log of a daemon, which has no stdio: a file or syslog. */
import { spawnSync } from 'node:child_process';
import { constants, openSync, writeSync } from 'node:fs';
import { errnoOf, MountError } from '../config/mount-error.js';

const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK } = constants;

/**
 * Opens the log.
 * @param file lines are appended to this file; undefined: they are sent to syslog
 */
export function openLogSink(file: string | undefined): (line: string) => void {
  return file === undefined ? syslogSink() : fileSink(file);
}

/**
 * Appends lines to a file, each with the time and the pid. A line that cannot be written is lost, because
 * there is no other place for it: the file system is full (ENOSPC), or a FIFO is (EAGAIN).
 */
function fileSink(file: string): (line: string) => void {
  const fd = openLogFile(file);
  return (line) => {
    try {
      writeSync(fd, `${new Date().toISOString()} plyfs[${process.pid}]: ${line}\n`);
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
    }
  };
}

/**
 * Opens a file for appending; creates it with mode 0600. It does not wait for the reader of a FIFO: without
 * one the error is ENXIO. Throws {@link MountError}.
 */
export function openLogFile(file: string): number {
  try {
    return openSync(Buffer.from(file, 'latin1'), O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, 0o600);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    throw MountError.of({ what: 'log', where: file, errno });
  }
}

/**
 * Sends lines to syslog with logger(1), and waits for it: lines are rare, and the process may end right after
 * one. Without a syslog daemon the lines are lost.
 */
function syslogSink(): (line: string) => void {
  return (line) => {
    spawnSync('logger', ['-t', `plyfs[${process.pid}]`, '--', line], { stdio: 'ignore', timeout: 5000 });
  };
}
