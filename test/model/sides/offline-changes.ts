/** Changes of an upper that is not mounted. */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import * as sys from '../../harness/sys/index.js';

const ORIGINS = ['trusted.overlay.origin', 'user.overlay.origin'];

/** Returns the upper directory of the mount on `mountpoint`; see `makeLayerDirs`. */
export function upperBeside(mountpoint: string): string {
  return join(dirname(mountpoint), 'upper');
}

/** An upper, and whether the kernel's overlayfs shows it. */
export interface EditedUpper {
  readonly path: string;
  readonly isKernels: boolean;
}

/**
 * Copies a file of each upper with all its xattrs, as an administrator does with cp -a. Does so only if all
 * uppers have the file and none has the new name. The copy also has the recorded origin of the file, which is
 * true for one of the two only. For the kernel, the copy loses the origin, because the kernel shows only one
 * of two files with one origin (ESTALE, fs/overlayfs/inode.c:ovl_verify_inode). Returns whether the file was
 * copied.
 */
export function copyInUppers(uppers: readonly EditedUpper[], path: string, to: string): boolean {
  if (!uppers.every((upper) => canCopy(upper.path, path, to))) return false;
  for (const { path: upper, isKernels } of uppers) {
    const [from, into] = [path, to].map((name) => Buffer.from(`${upper}/${name}`, 'latin1'));
    // Names are bytes, and Node.js passes arguments as text only: xargs builds the command.
    const input = Buffer.concat([from ?? Buffer.alloc(0), Buffer.of(0), into ?? Buffer.alloc(0), Buffer.of(0)]);
    const { status, stderr } = spawnSync('xargs', ['-0', 'cp', '-a', '-T', '--'], { input, encoding: 'utf8' });
    if (status !== 0) throw new Error(`cp -a: ${stderr}`);
    if (isKernels) dropOrigin(`${upper}/${to}`);
  }
  return true;
}

function dropOrigin(path: string): void {
  const names = sys.listxattr(path).filter((name) => ORIGINS.includes(name));
  for (const name of names) sys.removexattr(path, name);
}

function canCopy(upper: string, path: string, to: string): boolean {
  const cut = to.lastIndexOf('/') + 1;
  return (
    typeOf(`${upper}/${path}`) === sys.S_IFREG &&
    typeOf(`${upper}/${to.slice(0, cut)}`) === sys.S_IFDIR &&
    typeOf(`${upper}/${to}`) === null &&
    typeOf(`${upper}/${to.slice(0, cut)}.wh.${to.slice(cut)}`) === null
  );
}

/** Returns the type of the object, or null if there is none. */
function typeOf(path: string): number | null {
  let type: number | null = null;
  sys.outcome(() => {
    type = sys.lstat(path).mode & sys.S_IFMT;
  });
  return type;
}
