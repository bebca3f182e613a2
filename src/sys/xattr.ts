/**
 * Extended attributes (man xattr(7)). An object is named by an fd, or by a directory fd and a name; the latter goes
 * through /proc/self/fd, because the calls that take a directory fd are newer (Linux 6.13) than the kernels we serve.
 */
import { Errno, fsError, isErrno } from '../core/errno.js';
import { allocate, bind, check, cPath, cPath2, lastErrno } from './libc.js';

type Get = (object: number, name: number, value: number, size: number) => number;
type Set = (object: number, name: number, value: number, size: number, flags: number) => number;
const lgetxattr = bind<Get>('long lgetxattr(intptr_t, intptr_t, intptr_t, size_t)');
const getxattr = bind<Get>('long getxattr(intptr_t, intptr_t, intptr_t, size_t)');
const lsetxattr = bind<Set>('int lsetxattr(intptr_t, intptr_t, intptr_t, size_t, int)');
const setxattr = bind<Set>('int setxattr(intptr_t, intptr_t, intptr_t, size_t, int)');
const llistxattr = bind<(path: number, into: number, size: number) => number>(
  'long llistxattr(intptr_t, intptr_t, size_t)',
);
const listxattr = bind<(path: number, into: number, size: number) => number>(
  'long listxattr(intptr_t, intptr_t, size_t)',
);
const lremovexattr = bind<(path: number, name: number) => number>('int lremovexattr(intptr_t, intptr_t)');
const removexattr = bind<(path: number, name: number) => number>('int removexattr(intptr_t, intptr_t)');

/** XATTR_SIZE_MAX and XATTR_LIST_MAX (linux/limits.h). */
const MAX = 65536;
const value = allocate(MAX);

/**
 * An object whose xattrs are meant: `name` under `fd`, or what `fd` itself names when `name` is `''`.
 * The path is what the l*xattr calls take.
 */
function procPath(fd: number, name: string): string {
  return name === '' ? `/proc/self/fd/${fd}` : `/proc/self/fd/${fd}/${name}`;
}

function absent(errno: number): boolean {
  return errno === Errno.ENODATA || errno === Errno.EOPNOTSUPP;
}

/** Copies `size` bytes out of the scratch value; null for "not set". */
function taken(size: number): Buffer | null {
  if (size >= 0) return Buffer.from(value.buffer.subarray(0, size));
  const errno = lastErrno();
  if (errno === Errno.ENODATA) return null;
  throw fsError(errno, 'getxattr');
}

/** The value, or null when it is not set (ENODATA). EOPNOTSUPP, for a namespace that is not known here, is thrown. */
export function getXattr(fd: number, name: string, xattr: string): Buffer | null {
  const get = name === '' ? getxattr : lgetxattr;
  return taken(get(cPath(procPath(fd, name)), cPath2(xattr), value.address, MAX));
}

/** As {@link getXattr}; null also where the file system has no such xattrs at all. */
export function findXattr(fd: number, name: string, xattr: string): Buffer | null {
  try {
    return getXattr(fd, name, xattr);
  } catch (error) {
    if (isErrno(error, 'EOPNOTSUPP')) return null;
    throw error;
  }
}

/** `flags`: XATTR_CREATE, XATTR_REPLACE. */
export function setXattr(fd: number, name: string, xattr: string, data: Uint8Array, flags = 0): void {
  value.buffer.set(data);
  const set = name === '' ? setxattr : lsetxattr;
  check(set(cPath(procPath(fd, name)), cPath2(xattr), value.address, data.length, flags), 'setxattr');
}

/** Names; none where the file system has no xattrs. */
export function listXattrs(fd: number, name: string): string[] {
  const list = name === '' ? listxattr : llistxattr;
  const size = list(cPath(procPath(fd, name)), value.address, MAX);
  if (size < 0) {
    const errno = lastErrno();
    if (absent(errno)) return [];
    throw fsError(errno, 'listxattr');
  }
  return size === 0 ? [] : value.buffer.toString('latin1', 0, size - 1).split('\0');
}

/** ENODATA is thrown: removing what is not there is an answer the caller gets. */
export function removeXattr(fd: number, name: string, xattr: string): void {
  const remove = name === '' ? removexattr : lremovexattr;
  check(remove(cPath(procPath(fd, name)), cPath2(xattr)), 'removexattr');
}
