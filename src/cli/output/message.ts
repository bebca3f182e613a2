/** Messages of the command line: one line each, on stderr. */
import { writeSync } from 'node:fs';
import { Errno } from '../../core/errno.js';
import { errnoOf, printable } from '../../server/config/mount-error.js';
import type { IgnoredOptions } from '../options/read-options.js';

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

/** Prints a line for each option that has no effect. */
export function warnIgnored({ unknown, refused, unsupported }: IgnoredOptions): void {
  unsupported.forEach(printMessage);
  for (const option of unknown) printMessage(`unknown option ignored: ${printable(option)}`);
  for (const why of refused) printMessage(`option ignored: ${why}`);
}
