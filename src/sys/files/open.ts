/** Opening, always relative to a directory fd and never through a symlink in the last component. */
import { Errno, FsError, fsError } from '../../core/errno.js';
import { O_CLOEXEC, O_DIRECTORY, O_NOATIME, O_NOFOLLOW, O_NONBLOCK, O_PATH, O_RDONLY } from '../../core/flags.js';
import { AT_FDCWD, allocate, bind, check, cPath, lastErrno } from '../libc.js';

const openat = bind<(dirfd: number, path: number, flags: number, mode: number) => number>(
  'int openat(int, intptr_t, int, uint)',
);
const closeFd = bind<(fd: number) => number>('int close(int)');
const syscall4 = bind<(n: number, a: number, b: number, c: number, d: number) => number>(
  'long syscall(long, long, intptr_t, intptr_t, long)',
);

const SYS_OPENAT2 = 437;
const RESOLVE_NO_XDEV = 0x01;
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_NO_SYMLINKS = 0x04;
const RESOLVE_BENEATH = 0x08;

const how = allocate(24);

/** openat(2) of one component. O_NOFOLLOW and O_CLOEXEC are added. */
export function openAt(dirfd: number, name: string, flags: number, mode = 0): number {
  return check(openat(dirfd, cPath(name), flags | O_NOFOLLOW | O_CLOEXEC, mode), 'openat');
}

/** As {@link openAt}, but a failure is the negative errno, for callers that have a second way. */
export function tryOpenAt(dirfd: number, name: string, flags: number, mode = 0): number {
  const fd = openat(dirfd, cPath(name), flags | O_NOFOLLOW | O_CLOEXEC, mode);
  return fd < 0 ? -lastErrno() : fd;
}

/**
 * Why a name does not lead to what it led to: a symlink, another type, or nothing has taken its place. A
 * layer has been changed under us, and whoever asked holds something that is no more: ESTALE.
 */
const REPLACED: ReadonlySet<number> = new Set([
  Errno.ELOOP,
  Errno.ENOTDIR,
  Errno.EISDIR,
  Errno.ENXIO, // A socket, or a device without a driver.
  Errno.ENODEV,
  Errno.ENOENT,
]);

/**
 * As {@link openAt}, of an object that is known to be there. O_NONBLOCK is added: a fifo that somebody has
 * put in its place must not hold up the server. It changes nothing for a regular file or a directory; the
 * caller makes sure that it is one. If O_NOATIME is not permitted, the file is opened without it.
 */
export function openKnownAt(dirfd: number, name: string, flags: number): number {
  const fd = tryOpenAt(dirfd, name, flags | O_NONBLOCK);
  if (fd >= 0) return fd;
  if (isNotOwner(-fd, flags)) return openKnownAt(dirfd, name, flags & ~O_NOATIME);
  throw fsError(REPLACED.has(-fd) ? Errno.ESTALE : -fd, 'openat');
}

/** As {@link openBeneath}, of an object that is known to be there; see {@link openKnownAt}. */
export function openKnownBeneath(dirfd: number, path: string, flags: number): number {
  try {
    return openBeneath(dirfd, path, flags | O_NONBLOCK);
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
    if (isNotOwner(error.errno, flags)) return openKnownBeneath(dirfd, path, flags & ~O_NOATIME);
    if (REPLACED.has(error.errno)) throw fsError(Errno.ESTALE, 'openat2');
    throw error;
  }
}

/** Whether opening failed only because O_NOATIME is permitted to the owner of a file alone. */
function isNotOwner(errno: number, flags: number): boolean {
  return errno === Errno.EPERM && (flags & O_NOATIME) !== 0;
}

/**
 * Opens a path of several components below `dirfd`: no symlink, no `..` that leaves, at any point of it. A
 * path longer than PATH_MAX is walked in pieces.
 */
export function openBeneath(dirfd: number, path: string, flags: number): number {
  if (path.length < 4000) return openResolved(dirfd, path, flags);
  const cut = path.lastIndexOf('/', 4000);
  const piece = openResolved(dirfd, path.slice(0, cut), O_PATH | O_DIRECTORY);
  try {
    return openBeneath(piece, path.slice(cut + 1), flags);
  } finally {
    close(piece);
  }
}

/**
 * An O_PATH fd of one component, a symlink itself too. EXDEV: something is mounted there, be it of the same
 * file system.
 */
export function openOnSameMount(dirfd: number, name: string): number {
  return openResolved(dirfd, name, O_PATH, RESOLVE_NO_XDEV);
}

/** As {@link openBeneath} for a path shorter than PATH_MAX; a failure is the negative errno. */
export function tryOpenBeneath(dirfd: number, path: string, flags: number): number {
  const fd = callResolved(dirfd, path, flags, 0);
  return fd < 0 ? -lastErrno() : fd;
}

function openResolved(dirfd: number, path: string, flags: number, resolve = 0): number {
  return check(callResolved(dirfd, path, flags, resolve), 'openat2');
}

function callResolved(dirfd: number, path: string, flags: number, resolve: number): number {
  how.buffer.writeUInt32LE(flags | O_NOFOLLOW | O_CLOEXEC, 0);
  how.buffer.writeUInt32LE(resolve | RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS, 16);
  return syscall4(SYS_OPENAT2, dirfd, cPath(path === '' ? '.' : path), how.address, 24);
}

/**
 * Opens a path that a person gave: follows symlinks, relative to the working directory. For layer roots, the
 * work directory and the mountpoint only; what a layer contains is never opened with this.
 */
export function openTrusted(path: string, flags: number): number {
  return check(openat(AT_FDCWD, cPath(path), flags | O_CLOEXEC, 0), 'open');
}

const SYS_OPEN_TREE = 428;
const OPEN_TREE_CLONE = 1;
const AT_RECURSIVE = 0x8000;

/**
 * Opens a directory as a mount of its own, without what is mounted below it (open_tree(2)): its file system
 * alone, as the kernel's overlayfs sees a layer. Returns a negative errno where that is not allowed.
 */
export function tryCloneTree(path: string): number {
  return cloneTree(path, 0);
}

/**
 * As {@link tryCloneTree}, of a lower layer. In a user namespace the kernel clones it only together with the
 * mounts below it (fs/namespace.c:has_locked_children). Later mounts, such as the union itself, do not show
 * in the clone.
 */
export function tryCloneLower(path: string): number {
  const tree = cloneTree(path, 0);
  return tree === -Errno.EINVAL ? cloneTree(path, AT_RECURSIVE) : tree;
}

function cloneTree(path: string, flags: number): number {
  const fd = syscall4(SYS_OPEN_TREE, AT_FDCWD, cPath(path), OPEN_TREE_CLONE | O_CLOEXEC | flags, 0);
  return fd < 0 ? -lastErrno() : fd;
}

/** A second fd for what an fd already names, opened anew with `flags` (through /proc, man open(2) O_PATH). */
export function reopen(fd: number, flags: number): number {
  const opened = tryReopen(fd, flags);
  if (opened >= 0) return opened;
  if (isNotOwner(-opened, flags)) return reopen(fd, flags & ~O_NOATIME);
  throw fsError(-opened, 'openat');
}

/** As {@link reopen}, but a failure is the negative errno. */
export function tryReopen(fd: number, flags: number): number {
  const opened = openat(AT_FDCWD, cPath(`/proc/self/fd/${fd}`), flags | O_CLOEXEC, 0);
  return opened < 0 ? -lastErrno() : opened;
}

/** Opens a directory for reading its entries. */
export function openDirectoryAt(dirfd: number, name: string): number {
  return openAt(dirfd, name, O_RDONLY | O_DIRECTORY);
}

/**
 * Closes an fd. An error here is an fd that was not ours: a bug, thrown. EINTR has closed it (man close(2)).
 */
export function close(fd: number): void {
  if (closeFd(fd) < 0) {
    const errno = lastErrno();
    if (errno === Errno.EBADF) throw fsError(errno, 'close');
  }
}

/**
 * Why a directory has no mount of its own to be had: no CAP_SYS_ADMIN, mounts locked into place, an old
 * kernel.
 */
export const NO_TREE: ReadonlySet<number> = new Set([Errno.EPERM, Errno.EINVAL, Errno.ENOSYS]);

/**
 * Opens a directory by path (symlinks are followed) as a mount of its own, without what is mounted below it;
 * as it is where that cannot be had ({@link NO_TREE}).
 * @param prepare is given the mount's fd before anything is opened in it
 */
export function openTreeRoot(path: string, prepare?: (tree: number) => void): number {
  const tree = tryCloneLower(path);
  if (tree < 0) {
    if (NO_TREE.has(-tree)) return openTrusted(path, O_RDONLY | O_DIRECTORY);
    throw fsError(-tree, 'open_tree');
  }
  try {
    prepare?.(tree);
    return openDirectoryAt(tree, '.');
  } finally {
    close(tree);
  }
}
