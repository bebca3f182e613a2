/** Changes the working directory of the process. */
import { bind, check, cPath } from '../call.js';

const chdirCall = bind<(path: number) => number>('int chdir(intptr_t)');
const fchdirCall = bind<(fd: number) => number>('int fchdir(int)');

/** Changes the working directory to `path` and back. */
export function chdir(path: string): void {
  const before = process.cwd();
  check(chdirCall(cPath(path)), 'chdir', path);
  process.chdir(before);
}

export function fchdir(fd: number): void {
  const before = process.cwd();
  check(fchdirCall(fd), 'fchdir', fd);
  process.chdir(before);
}
