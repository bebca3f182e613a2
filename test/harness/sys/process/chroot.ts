/** Runs one synchronous part of a test in another root directory. */
import { bind, check, cPath } from '../call.js';
import { close, open } from '../files.js';

const unshare = bind<(flags: number) => number>('int unshare(int)');
const chroot = bind<(path: number) => number>('int chroot(intptr_t)');
const fchdir = bind<(fd: number) => number>('int fchdir(int)');

const CLONE_FS = 0x200;
const O_PATH = 0o10000000;

let ownDirectories = false;

/**
 * Runs `body` with `path` as the root directory of the calling thread. A symlink that `body` follows cannot
 * leave `path`. If something outside is reached nevertheless, another process or thread has reached it.
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
