/** An fd that is kept for the time when this process, or the machine, has no fds left. */
import { closeSync, openSync } from 'node:fs';
import { Errno } from '../../core/errno.js';
import { errnoOf } from '../../server/config/mount-error.js';

export class ReserveFd {
  private fd = openSync('/dev/null', 'r');

  /**
   * Runs `body`, which can open one fd and must close it. Throws EMFILE or ENFILE if even that one is taken.
   */
  use(body: () => void): void {
    if (this.fd >= 0) closeSync(this.fd);
    this.fd = -1;
    try {
      body();
    } finally {
      this.fd = openOrNone();
    }
  }
}

/** Whether the error means that this process or the machine has no fds left. */
export function isOutOfFds(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === Errno.EMFILE || errno === Errno.ENFILE;
}

/** The fd; -1: another thread of this process has taken the last one. */
function openOrNone(): number {
  try {
    return openSync('/dev/null', 'r');
  } catch (error) {
    if (!isOutOfFds(error)) throw error;
    return -1;
  }
}
