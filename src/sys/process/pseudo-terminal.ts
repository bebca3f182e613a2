/** Pseudo-terminals (man pty(7), ioctl_tty(2)). */
import { fsError } from '../../core/errno.js';
import { O_CLOEXEC, O_RDWR } from '../../core/flags.js';
import { tryIoctl } from '../ioctl.js';
import { allocate } from '../libc.js';

const TIOCSPTLCK = 0x40045431;
const TIOCGPTPEER = 0x5441;
const TIOCGWINSZ = 0x5413;
const TIOCSWINSZ = 0x5414;
/** The terminal does not become our controlling terminal. */
const O_NOCTTY = 0o400;

/** An int, or a struct winsize. */
const argument = allocate(8);

/** Opens the terminal end that belongs to `master`. The caller owns the fd. */
export function openTerminal(master: number): number {
  argument.buffer.fill(0);
  must(tryIoctl(master, TIOCSPTLCK, argument.address), 'TIOCSPTLCK');
  return must(tryIoctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC), 'TIOCGPTPEER');
}

/**
 * Gives `to` the rows and columns of `from`. If they differ, the kernel sends SIGWINCH to its foreground
 * processes.
 */
export function copyWindowSize(from: number, to: number): void {
  must(tryIoctl(from, TIOCGWINSZ, argument.address), 'TIOCGWINSZ');
  must(tryIoctl(to, TIOCSWINSZ, argument.address), 'TIOCSWINSZ');
}

function must(result: number, request: string): number {
  if (result < 0) throw fsError(-result, request);
  return result;
}
