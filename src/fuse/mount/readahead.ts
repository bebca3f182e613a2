/** How much of a file the kernel reads ahead: the size of the requests that sequential reading makes. */
import { readFileSync, writeFileSync } from 'node:fs';

/**
 * Measured: 128 KiB (the default) reads at a third of the speed; beyond 1 MiB requests grow no more
 * (max_pages).
 */
const READ_AHEAD_KB = 1024;

/** Octal escapes of space, tab, newline and backslash (man proc_pid_mountinfo(5)). */
function unescaped(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** `MAJOR:MINOR` of the topmost mount on `target`, from the text of /proc/self/mountinfo; undefined: none. */
export function deviceOfMount(mountinfo: string, target: string): string | undefined {
  let device: string | undefined;
  for (const line of mountinfo.split('\n')) {
    const [, , number, , mountpoint] = line.split(' ');
    if (mountpoint !== undefined && unescaped(mountpoint) === target) device = number;
  }
  return device;
}

/**
 * Raises the readahead of the mount on `target`. After the handshake, which sets it to the kernel's default.
 * Does nothing where we may not (an ordinary user, a user namespace, a read-only /sys): it is speed, not
 * function. Does not touch the mount itself, so its own serving thread may call this.
 */
export function raiseReadahead(target: string): void {
  try {
    const device = deviceOfMount(readFileSync('/proc/self/mountinfo', 'latin1'), target);
    if (device !== undefined) writeFileSync(`/sys/class/bdi/${device}/read_ahead_kb`, String(READ_AHEAD_KB));
  } catch {
    // EACCES, EPERM, EROFS, ENOENT (no /sys, no /proc): as said above.
  }
}
