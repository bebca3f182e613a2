/** mkfifo(3). */
import { bind, check, cPath } from '../libc.js';

const mkfifo = bind<(path: number, mode: number) => number>('int mkfifo(intptr_t, uint)');

/** Makes a FIFO. The umask applies to `mode`. Throws EEXIST if the name exists. */
export function makeFifo(path: string, mode: number): void {
  check(mkfifo(cPath(path), mode), 'mkfifo');
}
