/** Pseudo-terminals (man pty(7), ioctl_tty(2)). */
import { fsError } from '../core/errno.js';
import { O_CLOEXEC, O_RDWR } from '../core/flags.js';
import { tryIoctl } from './ioctl.js';
import { allocate } from './libc.js';

const TIOCSPTLCK = 0x40045431;
const TIOCGPTPEER = 0x5441;
const TIOCGWINSZ = 0x5413;
const TIOCSWINSZ = 0x5414;
/** Opening it makes it nobody's controlling terminal. */
const O_NOCTTY = 0o400;

/** An int, or a struct winsize. */
const argument = allocate(8);

/** Opens the terminal whose other end `master` is; the caller's. */
export function openTerminal(master: number): number {
  argument.buffer.fill(0);
  must(tryIoctl(master, TIOCSPTLCK, argument.address), 'TIOCSPTLCK');
  return must(tryIoctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC), 'TIOCGPTPEER');
}

/** `to` gets the rows and columns of `from`. Whoever runs in it gets SIGWINCH, if they are others than before. */
export function copyWindowSize(from: number, to: number): void {
  must(tryIoctl(from, TIOCGWINSZ, argument.address), 'TIOCGWINSZ');
  must(tryIoctl(to, TIOCSWINSZ, argument.address), 'TIOCSWINSZ');
}

function must(result: number, request: string): number {
  if (result < 0) throw fsError(-result, request);
  return result;
}
