/** pipe2(2), and the state of a pipe as its writer sees it. */
import { fsError } from '../../core/errno.js';
import { O_CLOEXEC } from '../../core/flags.js';
import { tryReadIoctl } from '../ioctl.js';
import { allocate, bind, check } from '../libc.js';

const pipe2 = bind<(pair: number, flags: number) => number>('int pipe2(intptr_t, int)');
const FIONREAD = 0x541b;
const count = Buffer.alloc(4);

/** Makes a pipe: its read end and its write end. */
export function openPipe(): [number, number] {
  const pair = allocate(8);
  check(pipe2(pair.address, O_CLOEXEC), 'pipe2');
  return [pair.buffer.readInt32LE(0), pair.buffer.readInt32LE(4)];
}

/**
 * The bytes in a pipe that no process has read yet. `fd` can be either end (fs/pipe.c:pipe_ioctl). The kernel
 * keeps them as long as one end is open, also if no process can read them any more.
 */
export function unreadBytes(fd: number): number {
  const result = tryReadIoctl(fd, FIONREAD, count);
  if (result < 0) throw fsError(-result, 'FIONREAD');
  return count.readUInt32LE(0);
}
