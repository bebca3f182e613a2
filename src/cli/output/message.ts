/** Messages of the command line: one line each, on stderr. */
import { writeSync } from 'node:fs';
import { Errno } from '../../core/errno.js';
import { errnoOf } from '../../server/config/mount-error.js';

const STDERR = 2;

/**
 * Prints a line on stderr. It writes to the fd itself: `process.stderr` would keep the original file (for a
 * terminal, a second descriptor) open after the daemon detaches.
 */
export function printMessage(line: string): void {
  const text = `plyfs: ${line}\n`;
  try {
    writeSync(STDERR, text);
  } catch (error) {
    const errno = errnoOf(error);
    // stderr is a full pipe in non-blocking mode. The stream waits until it can write.
    if (errno === Errno.EAGAIN) process.stderr.write(text);
    // Otherwise the line is lost, because there is no other place for it. EPIPE: the pipe has no reader any
    // more. EIO: the terminal has been hung up. ENOSPC: the file system is full.
    else if (errno === undefined) throw error;
  }
}
