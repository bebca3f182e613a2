/** Inode flags that a copy keeps (man ioctl_iflags(2)); what protects an object is kept in another way. */
import { Errno, fsError } from '../core/errno.js';
import { FS_NOATIME_FL, FS_SYNC_FL } from '../core/flags.js';
import { setInodeFlags, tryGetInodeFlags } from '../sys/ioctl.js';
import { NO_INODE_FLAGS } from '../sys/rights/own-protection.js';

/** fs/overlayfs/overlayfs.h:OVL_COPY_FS_FLAGS_MASK. */
const KEPT = FS_SYNC_FL | FS_NOATIME_FL;

/**
 * Both are open files or directories; `from` can be an O_PATH fd. If one of the two file systems has no inode
 * flags, none is kept, as in the kernel.
 */
export function copyInodeFlags(from: number, to: number): void {
  const wanted = flagsOf(from) & KEPT;
  if (wanted === 0) return;
  const own = tryGetInodeFlags(to);
  if (own < 0) {
    if (NO_INODE_FLAGS.has(-own)) return;
    throw fsError(-own, 'FS_IOC_GETFLAGS');
  }
  setInodeFlags(to, (own & ~KEPT) | wanted);
}

function flagsOf(fd: number): number {
  const flags = tryGetInodeFlags(fd);
  if (flags >= 0) return flags;
  // EBADF: an O_PATH fd, of a file that the server cannot read. Its flags cannot be read either.
  if (NO_INODE_FLAGS.has(-flags) || flags === -Errno.EBADF) return 0;
  throw fsError(-flags, 'FS_IOC_GETFLAGS');
}
