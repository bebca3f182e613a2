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
    // EPIPE: the pipe has no reader any more. EIO: the terminal has been hung up.
    else if (errno !== Errno.EPIPE && errno !== Errno.EIO) throw error;
  }
}
