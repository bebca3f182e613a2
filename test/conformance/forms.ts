/**
 * The on-disk forms of whiteouts and opaque directories, written from the definitions of the formats and not
 * with plyfs's code.
 */
import { join } from 'node:path';
import * as sys from '../harness/sys/index.js';

export interface LayerForm {
  makeWhiteout(directory: string, name: string): void;
  isWhiteout(directory: string, name: string): boolean;
  markOpaque(directory: string): void;
  isOpaque(directory: string): boolean;
}

/** The overlay form: a whiteout is a character device 0:0; `trusted.overlay.opaque` = `y`. */
export const overlayForm = overlayFormWith('trusted.overlay.opaque');
/** The overlay form without root, with `userxattr`. */
export const userxattrForm = overlayFormWith('user.overlay.opaque');

function overlayFormWith(opaque: string): LayerForm {
  return {
    makeWhiteout: (directory, name) => sys.mknod(join(directory, name), sys.S_IFCHR, 0),
    isWhiteout(directory, name) {
      const { mode, rdev } = sys.lstat(join(directory, name));
      return (mode & sys.S_IFMT) === sys.S_IFCHR && rdev === '0:0';
    },
    markOpaque: (directory) => sys.setxattr(directory, opaque, 'y'),
    isOpaque: (directory) =>
      sys.outcome(() => sys.getxattr(directory, opaque)) === 'ok' && sys.getxattr(directory, opaque).toString() === 'y',
  };
}

const AUFS_OPAQUE = '.wh..wh..opq';

/**
 * The aufs form: a whiteout is `.wh.NAME`, without NAME; `.wh..wh..opq` is in an opaque directory. Both are
 * empty read-only files.
 */
export const aufsForm: LayerForm = {
  makeWhiteout: (directory, name) => makeMarker(join(directory, `.wh.${name}`)),
  isWhiteout: (directory, name) => !exists(join(directory, name)) && isMarker(join(directory, `.wh.${name}`)),
  markOpaque: (directory) => makeMarker(join(directory, AUFS_OPAQUE)),
  isOpaque: (directory) => isMarker(join(directory, AUFS_OPAQUE)),
};

function makeMarker(path: string): void {
  sys.mknod(path, sys.S_IFREG | 0o444);
}

function exists(path: string): boolean {
  return sys.outcome(() => sys.lstat(path)) === 'ok';
}

function isMarker(path: string): boolean {
  if (!exists(path)) return false;
  const { mode, size } = sys.lstat(path);
  return mode === (sys.S_IFREG | 0o444) && size === 0;
}
