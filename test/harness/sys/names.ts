/** Names: make, link, rename, remove, list. */
import { isDirectory } from '../../../src/core/file-mode.js';
import { O_DIRECTORY, O_RDONLY, RENAME_EXCHANGE, RENAME_NOREPLACE } from '../../../src/core/flags.js';
import { lstat } from './attributes.js';
import { AT_FDCWD, allocate, bind, check, cPath, cPath2 } from './call.js';
import { withFd } from './files.js';

const mkdirCall = bind<(path: number, mode: number) => number>('int mkdir(intptr_t, uint)');
const mknodCall = bind<(path: number, mode: number, dev: number) => number>('int mknod(intptr_t, uint, uint64_t)');
const symlinkCall = bind<(target: number, path: number) => number>('int symlink(intptr_t, intptr_t)');
const linkatCall = bind<(fd: number, path: number, toFd: number, to: number, flags: number) => number>(
  'int linkat(int, intptr_t, int, intptr_t, int)',
);
const unlinkCall = bind<(path: number) => number>('int unlink(intptr_t)');
const rmdirCall = bind<(path: number) => number>('int rmdir(intptr_t)');
const renameat2Call = bind<(fd: number, path: number, toFd: number, to: number, flags: number) => number>(
  'int renameat2(int, intptr_t, int, intptr_t, uint)',
);
const readlinkCall = bind<(path: number, into: number, size: number) => number>(
  'long readlink(intptr_t, intptr_t, size_t)',
);
const getdentsCall = bind<(fd: number, into: number, size: number) => number>('long getdents64(int, intptr_t, size_t)');

export function mkdir(path: string, mode = 0o755): void {
  check(mkdirCall(cPath(path), mode), 'mkdir', path);
}

/** `mode` includes the S_IF* type. `dev` is major × 256 + minor; both are below 256. */
export function mknod(path: string, mode: number, dev = 0): void {
  check(mknodCall(cPath(path), mode, dev), 'mknod', path);
}

export function symlink(target: string, path: string): void {
  check(symlinkCall(cPath(target), cPath2(path)), 'symlink', path);
}

export function link(path: string, to: string, flags = 0): void {
  check(linkatCall(AT_FDCWD, cPath(path), AT_FDCWD, cPath2(to), flags), 'link', `${path} -> ${to}`);
}

/** Gives an O_TMPFILE a name, through /proc (man open(2)). */
export function linkTmpfile(fd: number, to: string): void {
  link(`/proc/self/fd/${fd}`, to, 0x400 /* AT_SYMLINK_FOLLOW */);
}

export function unlink(path: string): void {
  check(unlinkCall(cPath(path)), 'unlink', path);
}

export function rmdir(path: string): void {
  check(rmdirCall(cPath(path)), 'rmdir', path);
}

function renameName(flags: number): string {
  if (flags === 0) return 'rename';
  if ((flags & RENAME_EXCHANGE) !== 0) return 'rename EXCHANGE';
  return flags === RENAME_NOREPLACE ? 'rename NOREPLACE' : 'rename other flags';
}

/** `flags`: RENAME_* of renameat2(2). */
export function rename(from: string, to: string, flags = 0): void {
  check(renameat2Call(AT_FDCWD, cPath(from), AT_FDCWD, cPath2(to), flags), renameName(flags), `${from} -> ${to}`);
}

/** Returns at most `size` bytes of the target of a symlink. */
export function readlink(path: string, size = 4096): string {
  const { buffer, address } = allocate(size);
  const length = check(readlinkCall(cPath(path), address, size), 'readlink', path);
  return buffer.toString('latin1', 0, length);
}

/** One record of getdents64(2). `offset` is the position after it, for lseek. */
export interface Dirent {
  readonly name: string;
  readonly ino: number;
  readonly type: number;
  readonly offset: bigint;
}

/** Makes one call of getdents64 with a buffer of `bytes`. Returns nothing at the end. */
export function getdents(fd: number, bytes = 32768): Dirent[] {
  const { buffer, address } = allocate(bytes);
  const filled = check(getdentsCall(fd, address, bytes), 'getdents', fd);
  const entries: Dirent[] = [];
  for (let at = 0; at < filled; at += buffer.readUInt16LE(at + 16)) {
    const end = buffer.indexOf(0, at + 19);
    entries.push({
      name: buffer.toString('latin1', at + 19, end),
      ino: Number(buffer.readBigUInt64LE(at)),
      type: buffer.readUInt8(at + 18),
      offset: buffer.readBigInt64LE(at + 8),
    });
  }
  return entries;
}

/** Reads the rest of an open directory. */
export function getdentsToEnd(fd: number, bytes?: number): Dirent[] {
  const all: Dirent[] = [];
  for (;;) {
    const some = getdents(fd, bytes);
    if (some.length === 0) return all;
    all.push(...some);
  }
}

/** Returns the names in a directory without . and .., sorted. */
export function listNames(path: string): string[] {
  const entries = withFd(path, O_RDONLY | O_DIRECTORY, (fd) => getdentsToEnd(fd));
  return entries
    .map(({ name }) => name)
    .filter((name) => name !== '.' && name !== '..')
    .sort();
}

/**
 * Removes an object with all that it contains. In order of the names: if a removal is refused halfway, the
 * removed names must not depend on the order of the listing.
 */
export function removeTree(path: string): void {
  if (!isDirectory(lstat(path).mode)) {
    unlink(path);
    return;
  }
  for (const name of listNames(path)) removeTree(`${path}/${name}`);
  rmdir(path);
}
