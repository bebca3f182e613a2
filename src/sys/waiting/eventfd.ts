/** eventfd(2): a counter by which threads wake each other. */
import { tryRead, tryWrite } from '../files/file-io.js';
import { allocate, bind, check } from '../libc.js';

const eventfdCall = bind<(initial: number, flags: number) => number>('int eventfd(uint, int)');
const EFD_NONBLOCK = 0o4000;
const EFD_CLOEXEC = 0o2000000;

const counter = allocate(8);

export function openEventfd(): number {
  return check(eventfdCall(0, EFD_NONBLOCK | EFD_CLOEXEC), 'eventfd');
}

/** Makes `fd` readable. A failure (EAGAIN: the counter is full) is ignored, because `fd` is readable then. */
export function signalEventfd(fd: number): void {
  counter.buffer.fill(0);
  counter.buffer[0] = 1;
  tryWrite(fd, counter.address, 8);
}

/** Makes `fd` unreadable until the next signal. A failure (EAGAIN: it was not readable) is ignored. */
export function drainEventfd(fd: number): void {
  tryRead(fd, counter.address, 8);
}
