/** How much of a file the kernel reads ahead: the size of the requests that sequential reading makes. */
import { writeFileSync } from 'node:fs';
import { mountedOn } from '../../sys/mountinfo.js';

/**
 * Measured: 128 KiB (the default) reads at a third of the speed; beyond 1 MiB requests grow no more
 * (max_pages).
 */
const READ_AHEAD_KB = 1024;

/**
 * Raises the readahead of the mount on `target`. After the handshake, which sets it to the kernel's default.
 * Does nothing where we may not (an ordinary user, a user namespace, a read-only /sys): it is speed, not
 * function. Does not touch the mount itself, so its own serving thread may call this.
 */
export function raiseReadahead(target: string): void {
  try {
    const device = mountedOn(target)?.device;
    if (device !== undefined) writeFileSync(`/sys/class/bdi/${device}/read_ahead_kb`, String(READ_AHEAD_KB));
  } catch {
    // EACCES, EPERM, EROFS, ENOENT (no /sys, no /proc): as said above.
  }
}
