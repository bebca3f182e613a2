/** chdir(2) of the calling thread. */
import { bind, check, cPath } from '../libc.js';

const chdir = bind<(path: number) => number>('int chdir(intptr_t)');

/**
 * Node lets only the main thread change the working directory. A thread that has called `ownUmask` has a
 * working directory of its own as well (CLONE_FS covers both), and this changes that one alone.
 */
export function changeDirectory(path: string): void {
  check(chdir(cPath(path)), 'chdir');
}
