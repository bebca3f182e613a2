import { Errno, fsError, isErrno } from '../core/errno.js';
import { O_DIRECTORY, O_RDONLY } from '../core/flags.js';
import { tryIoctl } from '../sys/ioctl.js';
import { close, openTrusted } from '../sys/open.js';
import { PLYFS_SETTLE } from './handlers/ioctl.js';

/** A server that knows no such wish; one of another file system. */
const UNKNOWN = new Set<number>([Errno.ENOTTY, Errno.ENOSYS, Errno.EINVAL]);

/**
 * Asks the server of a mount to make its layers complete while it still can be told of a failure (`Operations.settle`).
 * Returns without having asked where nobody could be asked. Throws what the server answered.
 */
export function askToSettle(mountpoint: string): void {
  let fd: number;
  try {
    fd = openTrusted(mountpoint, O_RDONLY | O_DIRECTORY);
  } catch (error) {
    // ENOTCONN: the server has died. EACCES: the mount is another user's; its server settles when it ends.
    if (isErrno(error, 'ENOTCONN', 'EACCES')) return;
    throw error;
  }
  try {
    const result = tryIoctl(fd, PLYFS_SETTLE, 0);
    if (result < 0 && !UNKNOWN.has(-result)) throw fsError(-result, 'settle');
  } finally {
    close(fd);
  }
}
