/** pipe2(2). */
import { O_CLOEXEC } from '../../core/flags.js';
import { allocate, bind, check } from '../libc.js';

const pipe2 = bind<(pair: number, flags: number) => number>('int pipe2(intptr_t, int)');

/** Makes a pipe: its read end and its write end. */
export function openPipe(): [number, number] {
  const pair = allocate(8);
  check(pipe2(pair.address, O_CLOEXEC), 'pipe2');
  return [pair.buffer.readInt32LE(0), pair.buffer.readInt32LE(4)];
}
