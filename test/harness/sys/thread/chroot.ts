/** Seeing a directory as the whole world, for one synchronous piece of a test. */
import { bind, check, cPath } from '../call.js';
import { close, open } from '../files.js';

const unshare = bind<(flags: number) => number>('int unshare(int)');
const chroot = bind<(path: number) => number>('int chroot(intptr_t)');
const fchdir = bind<(fd: number) => number>('int fchdir(int)');

const CLONE_FS = 0x200;
const O_PATH = 0o10000000;

let ownDirectories = false;

/**
 * Runs `body` with `path` as the root directory of the calling thread: a symlink that `body` meets leads to
 * nothing outside of it, so that what is reached there after all has been reached by somebody else.
 */
export function insideRoot<T>(path: string, body: () => T): T {
  if (!ownDirectories) check(unshare(CLONE_FS), 'unshare', 'CLONE_FS');
  ownDirectories = true;
  const root = open('/', O_PATH);
  const working = open('.', O_PATH);
  try {
    check(chroot(cPath(path)), 'chroot', path);
    return body();
  } finally {
    check(fchdir(root), 'fchdir', '/');
    check(chroot(cPath('.')), 'chroot', '/');
    check(fchdir(working), 'fchdir', '.');
    close(root);
    close(working);
  }
}
