/** poll(2) on a few fds. */
import { Errno, fsError } from '../../core/errno.js';
import { allocate, bind, lastErrno } from '../libc.js';

const pollCall = bind<(fds: number, count: number, timeout: number) => number>('int poll(intptr_t, ulong, int)');
const POLLIN = 1;
const MAX_FDS = 8;
const memory = allocate(8 * MAX_FDS);
const i32 = new Int32Array(memory.buffer.buffer);

/**
 * Waits until one of `fds` is readable, has an error or is hung up.
 * @param timeout in milliseconds; -1: no limit
 * @returns a bit mask: bit `i` is set for each such `fds[i]`; 0 after the timeout or a signal (EINTR)
 */
export function pollReadable(fds: readonly number[], timeout: number): number {
  for (let i = 0; i < fds.length; i++) {
    i32[i * 2] = fds[i] as number;
    i32[i * 2 + 1] = POLLIN;
  }
  const ready = pollCall(memory.address, fds.length, timeout);
  if (ready < 0) {
    const errno = lastErrno();
    if (errno === Errno.EINTR) return 0;
    throw fsError(errno, 'poll');
  }
  let bits = 0;
  for (let i = 0; i < fds.length; i++) if ((i32[i * 2 + 1] as number) >>> 16 !== 0) bits |= 1 << i;
  return bits;
}

/**
 * Waits until `fd` has an error or is hung up, or until `stopFd` is readable. Data to read from `fd` does not
 * matter.
 * @param timeout in milliseconds
 * @returns `stopped` if `stopFd` is readable, else `gone` if `fd` has an error or is hung up, else `nothing`:
 * the time is over, or a signal has ended the wait (EINTR)
 */
export function pollHangup(fd: number, stopFd: number, timeout: number): 'gone' | 'stopped' | 'nothing' {
  i32.set([fd, 0, stopFd, POLLIN]);
  const ready = pollCall(memory.address, 2, timeout);
  if (ready < 0) {
    const errno = lastErrno();
    if (errno === Errno.EINTR) return 'nothing';
    throw fsError(errno, 'poll');
  }
  if ((i32[3] as number) >>> 16 !== 0) return 'stopped';
  return (i32[1] as number) >>> 16 !== 0 ? 'gone' : 'nothing';
}

/**
 * Whether a process has the read end of a pipe open (man poll(2), POLLERR).
 * @param fd the write end
 */
export function hasReader(fd: number): boolean {
  return !isHungUp(fd);
}

/**
 * Whether an fd has an error or is hung up. For /dev/fuse: its mount no longer exists
 * (fs/fuse/dev.c:fuse_dev_poll).
 */
export function isHungUp(fd: number): boolean {
  i32.set([fd, 0]);
  if (pollCall(memory.address, 1, 0) < 0) throw fsError(lastErrno(), 'poll');
  return (i32[1] as number) >>> 16 !== 0;
}
