/** Changes of an upper while it is not mounted. */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import * as sys from '../harness/sys/index.js';

const ORIGINS = ['trusted.overlay.origin', 'user.overlay.origin'];

/** The upper directory of what is mounted here; see `makeLayerDirs`. */
export function upperBeside(mountpoint: string): string {
  return join(dirname(mountpoint), 'upper');
}

/** An upper, and whether the kernel's overlayfs is to show it. */
export interface EditedUpper {
  readonly path: string;
  readonly isKernels: boolean;
}

/**
 * Copies a file of each of the uppers with all its xattrs, as an administrator does with cp -a, where all of
 * them have it and have nothing at the new place: what a copy-up has written of the file's origin is true of
 * one of the two only. The kernel's copy does without: of two with one origin it shows only one (ESTALE,
 * fs/overlayfs/inode.c:ovl_verify_inode). Returns whether it did.
 */
export function copyInUppers(uppers: readonly EditedUpper[], path: string, to: string): boolean {
  if (!uppers.every((upper) => canCopy(upper.path, path, to))) return false;
  for (const { path: upper, isKernels } of uppers) {
    const [from, into] = [path, to].map((name) => Buffer.from(`${upper}/${name}`, 'latin1'));
    // By xargs, because a program's arguments are text to Node, and names are bytes.
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

/** Null: there is nothing. */
function typeOf(path: string): number | null {
  let type: number | null = null;
  sys.outcome(() => {
    type = sys.lstat(path).mode & sys.S_IFMT;
  });
  return type;
}
