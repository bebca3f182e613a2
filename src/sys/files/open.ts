/** Opens objects relative to a directory fd, without following a symlink in the last component. */
import { Errno, FsError, fsError } from '../../core/errno.js';
import { O_CLOEXEC, O_DIRECTORY, O_NOATIME, O_NOFOLLOW, O_NONBLOCK, O_PATH, O_RDONLY } from '../../core/flags.js';
import { AT_FDCWD, allocate, bind, check, cPath, lastErrno } from '../libc.js';

const openat = bind<(dirfd: number, path: number, flags: number, mode: number) => number>(
  'int openat(int, intptr_t, int, uint)',
);
const closeFd = bind<(fd: number) => number>('int close(int)');
const fcntl = bind<(fd: number, command: number, argument: number) => number>('int fcntl(int, int, long)');
const syscall4 = bind<(n: number, a: number, b: number, c: number, d: number) => number>(
  'long syscall(long, long, intptr_t, intptr_t, long)',
);

const SYS_OPENAT2 = 437;
const RESOLVE_NO_XDEV = 0x01;
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_NO_SYMLINKS = 0x04;
const RESOLVE_BENEATH = 0x08;

/** struct open_how (linux/openat2.h). */
const openHow = allocate(24);

/** openat(2) of one component. O_NOFOLLOW and O_CLOEXEC are added. */
export function openAt(dirfd: number, name: string, flags: number, mode = 0): number {
  return check(openat(dirfd, cPath(name), flags | O_NOFOLLOW | O_CLOEXEC, mode), 'openat');
}

/** As {@link openAt}; a failure is the negative errno. */
export function tryOpenAt(dirfd: number, name: string, flags: number, mode = 0): number {
  const fd = openat(dirfd, cPath(name), flags | O_NOFOLLOW | O_CLOEXEC, mode);
  return fd < 0 ? -lastErrno() : fd;
}

/**
 * Errnos that mean that a known object was removed, or replaced by one of another type: another process has
 * changed the layer. The caller gets ESTALE, because the object that it refers to does not exist any more.
 */
const REPLACED: ReadonlySet<number> = new Set([
  Errno.ELOOP,
  Errno.ENOTDIR,
  Errno.EISDIR,
  Errno.ENXIO, // It is a socket now, or a device without a driver.
  Errno.ENODEV,
  Errno.ENOENT,
]);

/**
 * As {@link openAt}, for an object that is known to exist. O_NONBLOCK is added, so that a fifo in its place
 * cannot block the server. It has no effect on regular files and directories; the caller checks that the
 * object is one. If O_NOATIME is not permitted, the file is opened without it.
 */
export function openKnownAt(dirfd: number, name: string, flags: number): number {
  const fd = tryOpenAt(dirfd, name, flags | O_NONBLOCK);
  if (fd >= 0) return fd;
  if (mustOmitNoatime(-fd, flags)) return openKnownAt(dirfd, name, flags & ~O_NOATIME);
  throw fsError(REPLACED.has(-fd) ? Errno.ESTALE : -fd, 'openat');
}

/** As {@link openBeneath}, for an object that is known to exist; see {@link openKnownAt}. */
export function openKnownBeneath(dirfd: number, path: string, flags: number): number {
  try {
    return openBeneath(dirfd, path, flags | O_NONBLOCK);
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
    if (mustOmitNoatime(error.errno, flags)) return openKnownBeneath(dirfd, path, flags & ~O_NOATIME);
    if (REPLACED.has(error.errno)) throw fsError(Errno.ESTALE, 'openat2');
    throw error;
  }
}

/** Whether opening failed because of O_NOATIME, which only the owner of a file can use. */
function mustOmitNoatime(errno: number, flags: number): boolean {
  return errno === Errno.EPERM && (flags & O_NOATIME) !== 0;
}

/**
 * Opens a path of several components below `dirfd`. No component can be a symlink, or a `..` that leaves
 * `dirfd`. A path longer than PATH_MAX is opened in pieces.
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
 * Opens an O_PATH fd of one component, which can be a symlink. Throws EXDEV if it is a mountpoint, even of
 * the same file system.
 */
export function openOnSameMount(dirfd: number, name: string): number {
  return openResolved(dirfd, name, O_PATH, RESOLVE_NO_XDEV);
}

/** As {@link openBeneath}, for a path shorter than PATH_MAX; a failure is the negative errno. */
export function tryOpenBeneath(dirfd: number, path: string, flags: number): number {
  const fd = callResolved(dirfd, path, flags, 0);
  return fd < 0 ? -lastErrno() : fd;
}

function openResolved(dirfd: number, path: string, flags: number, resolve = 0): number {
  return check(callResolved(dirfd, path, flags, resolve), 'openat2');
}

function callResolved(dirfd: number, path: string, flags: number, resolve: number): number {
  openHow.buffer.writeUInt32LE(flags | O_NOFOLLOW | O_CLOEXEC, 0);
  openHow.buffer.writeUInt32LE(resolve | RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS, 16);
  return syscall4(SYS_OPENAT2, dirfd, cPath(path === '' ? '.' : path), openHow.address, 24);
}

/**
 * Opens a path that the user gave, relative to the working directory, and follows symlinks. Only for layer
 * roots, the work directory and the mountpoint, never for an object in a layer.
 */
export function openTrusted(path: string, flags: number): number {
  return check(openat(AT_FDCWD, cPath(path), flags | O_CLOEXEC, 0), 'open');
}

const SYS_OPEN_TREE = 428;
const OPEN_TREE_CLONE = 1;
const AT_RECURSIVE = 0x8000;

/**
 * Opens a directory as a new detached mount (open_tree(2)) without the mounts below it. So only its own file
 * system is visible, as in the kernel's overlayfs. A failure is the negative errno.
 */
export function tryCloneTree(path: string): number {
  return cloneTree(path, 0);
}

/**
 * As {@link tryCloneTree}, for a lower layer. In a user namespace the kernel clones it only together with the
 * mounts below it (fs/namespace.c:has_locked_children). Later mounts, such as the union itself, are not
 * visible in the clone.
 */
export function tryCloneLower(path: string): number {
  const tree = cloneTree(path, 0);
  return tree === -Errno.EINVAL ? cloneTree(path, AT_RECURSIVE) : tree;
}

function cloneTree(path: string, flags: number): number {
  const fd = syscall4(SYS_OPEN_TREE, AT_FDCWD, cPath(path), OPEN_TREE_CLONE | O_CLOEXEC | flags, 0);
  return fd < 0 ? -lastErrno() : fd;
}

/** Opens the object of an fd a second time, with `flags`, through its link in /proc (man open(2), O_PATH). */
export function reopen(fd: number, flags: number): number {
  const opened = tryReopen(fd, flags);
  if (opened >= 0) return opened;
  if (mustOmitNoatime(-opened, flags)) return reopen(fd, flags & ~O_NOATIME);
  throw fsError(-opened, 'openat');
}

/** As {@link reopen}, but a failure is the negative errno. */
export function tryReopen(fd: number, flags: number): number {
  const opened = openat(AT_FDCWD, cPath(`/proc/self/fd/${fd}`), flags | O_CLOEXEC, 0);
  return opened < 0 ? -lastErrno() : opened;
}

const F_DUPFD_CLOEXEC = 1030;

/** Returns another fd of the same open file. The caller owns it. */
export function duplicate(fd: number): number {
  return check(fcntl(fd, F_DUPFD_CLOEXEC, 0), 'fcntl');
}

/**
 * Duplicates all of `fds`, or none if that fails: another thread that gets the duplicates is their only
 * owner, so their numbers cannot become those of other files while it uses them.
 */
export function duplicateAll(fds: readonly number[]): number[] {
  const duplicates: number[] = [];
  try {
    for (const fd of fds) duplicates.push(duplicate(fd));
    return duplicates;
  } catch (error) {
    for (const fd of duplicates) close(fd);
    throw error;
  }
}

/** Opens a directory to read its entries. */
export function openDirectoryAt(dirfd: number, name: string): number {
  return openAt(dirfd, name, O_RDONLY | O_DIRECTORY);
}

/**
 * Closes an fd. Throws EBADF, which means a bug: the fd was not open. Other errors are ignored, because the
 * fd is closed all the same (man close(2), EINTR).
 */
export function close(fd: number): void {
  if (closeFd(fd) < 0) {
    const errno = lastErrno();
    if (errno === Errno.EBADF) throw fsError(errno, 'close');
  }
}

/**
 * Errnos of open_tree(2) that mean that a directory cannot be cloned: no CAP_SYS_ADMIN, locked mounts below
 * it, or an old kernel.
 */
export const CANNOT_CLONE: ReadonlySet<number> = new Set([Errno.EPERM, Errno.EINVAL, Errno.ENOSYS]);

/**
 * Opens a directory by path, following symlinks, as a new detached mount without the mounts below it. If that
 * is impossible ({@link CANNOT_CLONE}), opens the directory itself.
 * @param prepare called with the fd of the mount before a directory in it is opened
 */
export function openTreeRoot(path: string, prepare?: (tree: number) => void): number {
  const tree = tryCloneLower(path);
  if (tree < 0) {
    if (CANNOT_CLONE.has(-tree)) return openTrusted(path, O_RDONLY | O_DIRECTORY);
    throw fsError(-tree, 'open_tree');
  }
  try {
    prepare?.(tree);
    return openDirectoryAt(tree, '.');
  } finally {
    close(tree);
  }
}
