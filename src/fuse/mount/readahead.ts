/**
 * The readahead of a mount: how much of a file the kernel reads in advance, and so the size of sequential
 * READs.
 */
import { writeFileSync } from 'node:fs';
import { mountedOn } from '../../sys/mountinfo.js';

/**
 * Measured: with 128 KiB (the default) sequential reading has a third of the speed. Above 1 MiB requests do
 * not grow (max_pages).
 */
const READ_AHEAD_KB = 1024;

/**
 * Raises the readahead of the mount on `target`, as {@link raiseReadaheadOf} does. Does nothing if the mount
 * table cannot be read or does not show the mount.
 */
export function raiseReadahead(target: string): void {
  try {
    const device = mountedOn(target)?.device;
    if (device !== undefined) raiseReadaheadOf(device);
  } catch {
    // ENOENT: there is no /proc.
  }
}

/**
 * Raises the readahead of a mount. Call it after the handshake, which sets it to the kernel's default. Does
 * nothing if the server cannot write the file in /sys (an ordinary user, a user namespace, a read-only /sys):
 * the mount works without it. Does not access the mount, so the thread that serves the mount can call this.
 * @param device `major:minor` of the mount's file system
 */
export function raiseReadaheadOf(device: string): void {
  try {
    writeFileSync(`/sys/class/bdi/${device}/read_ahead_kb`, String(READ_AHEAD_KB));
  } catch {
    // EACCES, EPERM, EROFS, ENOENT (no /sys): see above.
  }
}
