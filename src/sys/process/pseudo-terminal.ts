/** Pseudo-terminals (man pty(7), ioctl_tty(2)). */
import { fsError } from '../../core/errno.js';
import { O_CLOEXEC, O_RDWR } from '../../core/flags.js';
import { tryIoctl } from '../ioctl.js';
import { allocate } from '../libc.js';

const TIOCSPTLCK = 0x40045431;
const TIOCGPTPEER = 0x5441;
const TIOCGWINSZ = 0x5413;
const TIOCSWINSZ = 0x5414;
/** The terminal does not become the controlling terminal of this process. */
const O_NOCTTY = 0o400;

/** Memory for an int or a struct winsize. */
const argument = allocate(8);

/** Opens the terminal of the pseudo-terminal `master`. The caller owns the fd. */
export function openTerminal(master: number): number {
  argument.buffer.fill(0);
  checkResult(tryIoctl(master, TIOCSPTLCK, argument.address), 'TIOCSPTLCK');
  return checkResult(tryIoctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC), 'TIOCGPTPEER');
}

/**
 * Copies the number of rows and columns. If `to` had others, the kernel sends SIGWINCH to its foreground
 * processes.
 */
export function copyWindowSize(from: number, to: number): void {
  checkResult(tryIoctl(from, TIOCGWINSZ, argument.address), 'TIOCGWINSZ');
  checkResult(tryIoctl(to, TIOCSWINSZ, argument.address), 'TIOCSWINSZ');
}

function checkResult(result: number, request: string): number {
  if (result < 0) throw fsError(-result, request);
  return result;
}
