/**
 * Extended attributes (man xattr(7)). The parameters `fd` and `name` are the parts of an `ObjectRef`. The
 * calls with a directory fd are used (Linux 6.13), or paths in /proc/self/fd, which take twice the time.
 */
import { Errno, fsError, isErrno } from '../../core/errno.js';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  allocate,
  bind,
  check,
  cPath,
  cPath2,
  lastErrno,
} from '../libc.js';

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

/**
 * The calls with a directory fd, which libc does not have yet. Their numbers are the same on all
 * architectures.
 */
const syscall6 = bind<
  (call: number, dirfd: number, path: number, flags: number, a: number, b: number, c: number) => number
>('long syscall(long, long, intptr_t, long, intptr_t, intptr_t, long)');
const SYS_SETXATTRAT = 463;
const SYS_GETXATTRAT = 464;
const SYS_LISTXATTRAT = 465;
const SYS_REMOVEXATTRAT = 466;

/** XATTR_SIZE_MAX and XATTR_LIST_MAX (linux/limits.h). */
const MAX = 65536;
/**
 * The size of the buffer for the first attempt. The kernel allocates a buffer of the same size, and clears it
 * for a value (fs/xattr.c:listxattr, do_getxattr). Nearly all lists and values are empty or small.
 */
const SMALL = 256;
const value = allocate(MAX);

/** struct xattr_args (linux/xattr.h): address of the value, its size, flags. */
const ARGS_SIZE = 16;
const args = allocate(ARGS_SIZE);
args.buffer.writeBigUInt64LE(BigInt(value.address), 0);

function xattrArgs(size: number, flags: number): number {
  args.buffer.writeUInt32LE(size, 8);
  args.buffer.writeUInt32LE(flags, 12);
  return args.address;
}

/** Whether the kernel has the calls with a directory fd, and no seccomp filter refuses them. */
const hasAtCalls = ((): boolean => {
  if (syscall6(SYS_LISTXATTRAT, AT_FDCWD, cPath('/'), 0, 0, 0, 0) >= 0) return true;
  // EPERM: a seccomp profile that is older than a call refuses it so.
  return lastErrno() !== Errno.ENOSYS && lastErrno() !== Errno.EPERM;
})();

/**
 * Makes one call for an object. The result is negative on failure.
 * @param at makes the call with a directory fd
 * @param link makes the call with a path, without following a symlink in the last component
 * @param object makes the call with a path in /proc/self/fd, following that link
 */
function onObject(
  fd: number,
  name: string,
  at: (path: number, flags: number) => number,
  link: (path: number) => number,
  object: (path: number) => number,
): number {
  if (hasAtCalls) {
    const result = at(cPath(name), atFlags(name));
    if (result >= 0 || !isPathFd(name)) return result;
  }
  return name === '' ? object(procPath(fd, name)) : link(procPath(fd, name));
}

/** Whether a call has failed because `fd` is an O_PATH fd, which the calls with a directory fd refuse. */
function isPathFd(name: string): boolean {
  return name === '' && lastErrno() === Errno.EBADF;
}

function procPath(fd: number, name: string): number {
  return cPath(name === '' ? `/proc/self/fd/${fd}` : `/proc/self/fd/${fd}/${name}`);
}

function absent(errno: number): boolean {
  return errno === Errno.ENODATA || errno === Errno.EOPNOTSUPP;
}

/** The flags for the calls with a directory fd. */
function atFlags(name: string): number {
  return name === '' ? AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW : AT_SYMLINK_NOFOLLOW;
}

/** Copies `size` bytes of the scratch value; null: the xattr is not set. */
function copyOfValue(size: number): Buffer | null {
  if (size >= 0) return Buffer.from(value.buffer.subarray(0, size));
  const errno = lastErrno();
  if (errno === Errno.ENODATA) return null;
  throw fsError(errno, 'getxattr');
}

/**
 * Returns the value; null: the xattr is not set (ENODATA). Throws EOPNOTSUPP if the file system does not have
 * the xattr's namespace.
 */
export function getXattr(fd: number, name: string, xattr: string): Buffer | null {
  const key = cPath2(xattr);
  const size = getInto(fd, name, key, SMALL);
  return copyOfValue(size < 0 && lastErrno() === Errno.ERANGE ? getInto(fd, name, key, MAX) : size);
}

/** As `onObject`, without closures, because it is called for nearly every object. */
function getInto(fd: number, name: string, key: number, room: number): number {
  if (hasAtCalls) {
    const size = syscall6(SYS_GETXATTRAT, fd, cPath(name), atFlags(name), key, xattrArgs(room, 0), ARGS_SIZE);
    if (size >= 0 || !isPathFd(name)) return size;
  }
  return (name === '' ? getxattr : lgetxattr)(procPath(fd, name), key, value.address, room);
}

/** As {@link getXattr}; null also if the file system has no such xattrs. */
export function findXattr(fd: number, name: string, xattr: string): Buffer | null {
  try {
    return getXattr(fd, name, xattr);
  } catch (error) {
    if (isErrno(error, 'EOPNOTSUPP')) return null;
    throw error;
  }
}

/**
 * As {@link findXattr}; null also for a `user.` xattr of an object that this process has no permission to
 * read (EACCES).
 */
export function findReadableXattr(fd: number, name: string, xattr: string): Buffer | null {
  try {
    return findXattr(fd, name, xattr);
  } catch (error) {
    if (isErrno(error, 'EACCES')) return null;
    throw error;
  }
}

/** @param flags XATTR_CREATE, XATTR_REPLACE */
export function setXattr(fd: number, name: string, xattr: string, data: Uint8Array, flags = 0): void {
  const size = data.length;
  if (size > MAX) throw fsError(Errno.E2BIG, 'setxattr');
  value.buffer.set(data);
  const key = cPath2(xattr);
  const result = onObject(
    fd,
    name,
    (path, at) => syscall6(SYS_SETXATTRAT, fd, path, at, key, xattrArgs(size, flags), ARGS_SIZE),
    (path) => lsetxattr(path, key, value.address, size, flags),
    (path) => setxattr(path, key, value.address, size, flags),
  );
  check(result, 'setxattr');
}

/** Returns the names of all xattrs; none if the file system has no xattrs. */
export function listXattrs(fd: number, name: string): string[] {
  let size = listInto(fd, name, SMALL);
  if (size < 0 && lastErrno() === Errno.ERANGE) size = listInto(fd, name, MAX);
  if (size < 0) {
    const errno = lastErrno();
    if (absent(errno)) return [];
    throw fsError(errno, 'listxattr');
  }
  return size === 0 ? [] : value.buffer.toString('latin1', 0, size - 1).split('\0');
}

/** As `onObject`, without closures, because it is called for nearly every object. */
function listInto(fd: number, name: string, room: number): number {
  if (hasAtCalls) {
    const size = syscall6(SYS_LISTXATTRAT, fd, cPath(name), atFlags(name), value.address, room, 0);
    if (size >= 0 || !isPathFd(name)) return size;
  }
  return (name === '' ? listxattr : llistxattr)(procPath(fd, name), value.address, room);
}

/** Throws ENODATA if the xattr is not set. */
export function removeXattr(fd: number, name: string, xattr: string): void {
  const key = cPath2(xattr);
  const result = onObject(
    fd,
    name,
    (path, flags) => syscall6(SYS_REMOVEXATTRAT, fd, path, flags, key, 0, 0),
    (path) => lremovexattr(path, key),
    (path) => removexattr(path, key),
  );
  check(result, 'removexattr');
}
