/** Copies inode flags (man ioctl_iflags(2)). Flags that protect an object are kept in another way. */
import { Errno, fsError } from '../core/errno.js';
import { FS_NOATIME_FL, FS_SYNC_FL } from '../core/flags.js';
import { setInodeFlags, tryGetInodeFlags } from '../sys/ioctl.js';
import { NO_INODE_FLAGS } from '../sys/rights/own-protection.js';

/** fs/overlayfs/overlayfs.h:OVL_COPY_FS_FLAGS_MASK. */
const KEPT = FS_SYNC_FL | FS_NOATIME_FL;

/**
 * Copies the flags between two open files or directories; `from` can be an O_PATH fd. If one of the two file
 * systems has no inode flags, the copy gets none, as in the kernel.
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
  // EBADF: `fd` is an O_PATH fd, because the server cannot read the file. It cannot read the flags either.
  if (NO_INODE_FLAGS.has(-flags) || flags === -Errno.EBADF) return 0;
  throw fsError(-flags, 'FS_IOC_GETFLAGS');
}
