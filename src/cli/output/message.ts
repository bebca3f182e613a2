/** What the command line tells people: one line each, on stderr. */
import { writeSync } from 'node:fs';
import { Errno } from '../../core/errno.js';
import { errnoOf, printable } from '../../server/config/mount-error.js';
import type { IgnoredOptions } from '../options/read-options.js';

const STDERR = 2;

/**
 * Written to the fd itself: Node's own stream would keep what stood there (a terminal it even opens a second
 * time) when a daemon lets it go.
 */
export function say(line: string): void {
  const text = `plyfs: ${line}\n`;
  try {
    writeSync(STDERR, text);
  } catch (error) {
    const errno = errnoOf(error);
    // Somebody's pipe that does not wait, and is full: the stream does.
    if (errno === Errno.EAGAIN) process.stderr.write(text);
    // Nobody reads any more: of a pipe, or of a terminal that has been hung up.
    else if (errno !== Errno.EPIPE && errno !== Errno.EIO) throw error;
  }
}

/** Names the options that have no effect. */
export function warnIgnored({ unknown, refused, unsupported }: IgnoredOptions): void {
  unsupported.forEach(say);
  for (const option of unknown) say(`unknown option ignored: ${printable(option)}`);
  for (const why of refused) say(`option ignored: ${why}`);
}
