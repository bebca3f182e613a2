/**
 * Whether an object that statx(2) reports as immutable or append-only has these flags itself (`chattr +i`,
 * `chattr +a`). A read-only file system can report all of its objects as immutable
 * (fs/erofs/inode.c:erofs_getattr), and the kernel's overlayfs repeats that for its lower objects. The
 * kernel's own checks ignore that attribute. They look only at the inode's flags
 * (include/linux/fs.h:IS_IMMUTABLE), which such a file system does not set.
 */
import { Errno, fsError } from '../../core/errno.js';
import { isDirectory, isRegular } from '../../core/file-mode.js';
import type { FileStat } from '../../core/file-stat.js';
import { FS_APPEND_FL, FS_IMMUTABLE_FL, O_NONBLOCK, O_RDONLY } from '../../core/flags.js';
import { close, tryOpenAt, tryReopen } from '../files/open.js';
import { tryGetInodeFlags } from '../ioctl.js';
import { AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, allocate, bind, cPath, lastErrno } from '../libc.js';

const syscall5 = bind<(call: number, dirfd: number, path: number, into: number, size: number, flags: number) => number>(
  'long syscall(long, long, intptr_t, intptr_t, size_t, long)',
);
/** file_getattr(2), Linux 6.17; the same number on all architectures. */
const SYS_FILE_GETATTR = 468;
/** struct file_attr (linux/fs.h), which begins with the 64-bit fa_xflags. */
const FILE_ATTR_SIZE = 24;
const FS_XFLAG_IMMUTABLE = 0x8;
const FS_XFLAG_APPEND = 0x10;

/** Errnos of a file system that has no inode flags. */
export const NO_INODE_FLAGS: ReadonlySet<number> = new Set([
  Errno.ENOTTY,
  Errno.EINVAL,
  Errno.EOPNOTSUPP,
  Errno.ENOSYS,
]);

const attributes = allocate(FILE_ATTR_SIZE);

/**
 * Clears the protection flags in `stat` that the object itself does not have: `name` in `dirfd`, or `dirfd`
 * itself if `name` is `''`. Makes no system call if statx(2) has not reported the object as protected.
 * @throws FsError with the errno of the layer if the flags cannot be read
 */
export function clearForeignProtection(dirfd: number, name: string, stat: FileStat): void {
  if (stat.protection !== 0) stat.protection &= flagsByPath(dirfd, name) ?? flagsByOpening(dirfd, name, stat);
}

/** Asks for the object's flags by its name, with file_getattr(2). Null: the kernel does not have the call. */
function flagsByPath(dirfd: number, name: string): number | null {
  let errno = getAttributes(dirfd, name, name === '' ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW);
  // The call refuses an O_PATH fd with EBADF; its link in /proc leads to the same object.
  if (errno === Errno.EBADF && name === '') errno = getAttributes(AT_FDCWD, `/proc/self/fd/${dirfd}`, 0);
  // EPERM: a seccomp profile that does not know the call yet refuses it with this errno.
  if (errno === Errno.ENOSYS || errno === Errno.EPERM) return null;
  if (NO_INODE_FLAGS.has(errno)) return 0;
  if (errno !== 0) throw fsError(errno, 'file_getattr');
  const flags = attributes.buffer.readUInt32LE(0);
  return (
    ((flags & FS_XFLAG_IMMUTABLE) === 0 ? 0 : FS_IMMUTABLE_FL) | ((flags & FS_XFLAG_APPEND) === 0 ? 0 : FS_APPEND_FL)
  );
}

/** Fills {@link attributes}. Returns 0, or the errno. */
function getAttributes(dirfd: number, path: string, flags: number): number {
  const result = syscall5(SYS_FILE_GETATTR, dirfd, cPath(path), attributes.address, FILE_ATTR_SIZE, flags);
  return result < 0 ? lastErrno() : 0;
}

/**
 * Asks for the object's flags through an open file, the only way before Linux 6.17. A symlink, device, fifo
 * or socket cannot have flags there. If the server has no permission to open the object, this returns the
 * flags that statx(2) has reported, or 0 if the file system of the directory supports no flags.
 */
export function flagsByOpening(dirfd: number, name: string, stat: FileStat): number {
  if (!isRegular(stat.mode) && !isDirectory(stat.mode)) return 0;
  const fd = name === '' ? tryReopen(dirfd, O_RDONLY | O_NONBLOCK) : tryOpenAt(dirfd, name, O_RDONLY | O_NONBLOCK);
  if (fd === -Errno.EACCES) return supportsFlags(dirfd) ? stat.protection : 0;
  if (fd < 0) throw fsError(-fd, 'openat');
  try {
    const flags = tryGetInodeFlags(fd);
    if (flags >= 0) return flags;
    if (NO_INODE_FLAGS.has(-flags)) return 0;
    throw fsError(-flags, 'FS_IOC_GETFLAGS');
  } finally {
    close(fd);
  }
}

/** Whether the file system of the open file or directory supports inode flags. */
function supportsFlags(fd: number): boolean {
  const flags = tryGetInodeFlags(fd);
  return flags >= 0 || !NO_INODE_FLAGS.has(-flags);
}
