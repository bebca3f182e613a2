/** Changes the working directory of the calling thread. */
import { bind, check, cPath } from '../libc.js';

const chdir = bind<(path: number) => number>('int chdir(intptr_t)');

/**
 * chdir(2). Node.js allows it only in the main thread. A thread that has called `ownUmask` also has a working
 * directory of its own, because CLONE_FS covers both, and this function changes only that one.
 */
export function changeDirectory(path: string): void {
  check(chdir(cPath(path)), 'chdir');
}
