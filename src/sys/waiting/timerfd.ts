/** timerfd_create(2): an fd that becomes readable at once, after a time, or at intervals. */
import { tryRead } from '../files/file-io.js';
import { allocate, bind, check } from '../libc.js';

const timerfdCreate = bind<(clock: number, flags: number) => number>('int timerfd_create(int, int)');
const timerfdSettime = bind<(fd: number, flags: number, value: number, old: number) => number>(
  'int timerfd_settime(int, int, intptr_t, intptr_t)',
);
const CLOCK_MONOTONIC = 1;
const TFD_NONBLOCK = 0o4000;
const TFD_CLOEXEC = 0o2000000;
const MILLION = 1_000_000n;

const memory = allocate(32);
/** struct itimerspec: interval and first time, each in seconds and nanoseconds. */
const words = new BigInt64Array(memory.buffer.buffer);

export function openTimerfd(): number {
  return check(timerfdCreate(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), 'timerfd_create');
}

function setTimer(fd: number, firstNsec: bigint, everyMs: number): void {
  words[0] = BigInt(Math.floor(everyMs / 1000));
  words[1] = BigInt(everyMs % 1000) * MILLION;
  words[2] = 0n;
  words[3] = firstNsec;
  check(timerfdSettime(fd, 0, memory.address, 0), 'timerfd_settime');
}

/** Makes `fd` readable now, and then every `everyMs` milliseconds. Any thread can call this. */
export function ringTimer(fd: number, everyMs: number): void {
  setTimer(fd, 1n, everyMs);
}

/** Makes `fd` readable every `everyMs` (less than a second) milliseconds from now on. */
export function startTimer(fd: number, everyMs: number): void {
  setTimer(fd, BigInt(everyMs) * MILLION, everyMs);
}

/** Stops the timer: `fd` does not become readable any more. */
export function stopTimer(fd: number): void {
  setTimer(fd, 0n, 0);
}

/** Makes `fd` unreadable until its next expiration. A failure (EAGAIN: it was not readable) is ignored. */
export function drainTimer(fd: number): void {
  tryRead(fd, memory.address, 8);
}
