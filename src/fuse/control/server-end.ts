/**
 * Lets the program that unmounts wait until the server has closed its layers: umount(2) does not wait for
 * that. The server holds both ends of a pipe. The client asks it for its process id and the number of the
 * read end, and opens that end through /proc before it unmounts. Then it waits for the hangup: the kernel
 * hangs up when the server closes the write end or is killed.
 *
 * There are two ways to ask. ioctl(2) needs the open root, and for open(2) the kernel asks for the root's
 * attributes, which fails with the layers. getxattr(2) does not need them, but the kernel sends no such
 * request to a mount with `noxattrs`.
 */
import { FsError, isErrno } from '../../core/errno.js';
import { isFifo } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { O_DIRECTORY, O_NONBLOCK, O_PATH, O_RDONLY } from '../../core/flags.js';
import { close, openTrusted, reopen } from '../../sys/files/open.js';
import { statFd } from '../../sys/files/stat.js';
import { getXattr } from '../../sys/files/xattr.js';
import { tryReadIoctl } from '../../sys/ioctl.js';
import { openPipe } from '../../sys/waiting/pipe.js';
import { pollReadable } from '../../sys/waiting/poll.js';
import { openMountRoot } from './mount-root.js';

/** _IOR('y', 'e', 16): a number of our own, for the root of a mount. Returns a {@link PipePlace}. */
export const PLYFS_SERVER_END = 0x80107965;
/**
 * The same as an attribute of the root, which no list shows. In this namespace the kernel checks no
 * permission (fs/xattr.c:xattr_permission).
 */
export const SERVER_END_XATTR = 'system.plyfs.server_end';
const PLACE_BYTES = 16;
const stat = new FileStat();

/** The answer's layout: u32 pid, u32 fd, u64 inode number of the pipe. */
interface PipePlace {
  readonly pid: number;
  readonly fd: number;
  readonly ino: number;
}

/** The server's side. The pipe is made when a client first asks for it. */
export class ServerEnd {
  private pipe: readonly [readEnd: number, writeEnd: number] | null = null;

  /** The bytes of a {@link PipePlace}. The process id is the one in the server's own PID namespace. */
  describe(): Buffer {
    this.pipe ??= openPipe();
    const [readEnd] = this.pipe;
    statFd(readEnd, stat);
    const bytes = Buffer.alloc(PLACE_BYTES);
    bytes.writeUInt32LE(process.pid, 0);
    bytes.writeUInt32LE(readEnd, 4);
    bytes.writeBigUInt64LE(BigInt(stat.ino), 8);
    return bytes;
  }

  /** Hangs up: the client sees that the server has closed everything else. */
  close(): void {
    if (this.pipe === null) return;
    const [readEnd, writeEnd] = this.pipe;
    this.pipe = null;
    close(writeEnd);
    close(readEnd);
  }
}

/**
 * Opens the pipe of the server of `mountpoint` (bytes). Returns an fd, which the caller owns, or -1 if the
 * server cannot be waited for: it is another program or another user's, or it runs in another PID namespace.
 */
export function openServerEnd(mountpoint: string): number {
  const place = placeOf(mountpoint);
  if (place === null) return -1;
  let found = -1;
  try {
    found = openTrusted(`/proc/${place.pid}/fd/${place.fd}`, O_PATH);
    statFd(found, stat);
    // If the server is in another PID namespace, another process has this number here, and its fd is
    // something else.
    return isFifo(stat.mode) && stat.ino === place.ino ? reopen(found, O_RDONLY | O_NONBLOCK) : -1;
  } catch (error) {
    // ENOENT: no such process, or no such fd of it. EACCES, EPERM: another user's (man proc_pid_fd(5)).
    if (isErrno(error, 'ENOENT', 'EACCES', 'EPERM')) return -1;
    throw error;
  } finally {
    if (found >= 0) close(found);
  }
}

function placeOf(mountpoint: string): PipePlace | null {
  const bytes = askByIoctl(mountpoint) ?? askByXattr(mountpoint);
  if (bytes === null || bytes.length !== PLACE_BYTES) return null;
  return { pid: bytes.readUInt32LE(0), fd: bytes.readUInt32LE(4), ino: Number(bytes.readBigUInt64LE(8)) };
}

/**
 * Null: no answer. Every errno is tolerated, because none may prevent the unmount: ENOTTY, ENOSYS or EINVAL
 * of a server that does not know the request, ENOTCONN of one that has died, EMFILE of one that cannot make
 * the pipe.
 */
function askByIoctl(mountpoint: string): Buffer | null {
  const root = openMountRoot(mountpoint);
  if (root < 0) return null;
  try {
    const bytes = Buffer.alloc(PLACE_BYTES);
    return tryReadIoctl(root, PLYFS_SERVER_END, bytes) < 0 ? null : bytes;
  } finally {
    close(root);
  }
}

/** As {@link askByIoctl}: here EOPNOTSUPP or ENODATA of a server that does not know the attribute. */
function askByXattr(mountpoint: string): Buffer | null {
  let root = -1;
  try {
    root = openTrusted(mountpoint, O_PATH | O_DIRECTORY);
    return getXattr(root, '', SERVER_END_XATTR);
  } catch (error) {
    if (error instanceof FsError) return null;
    throw error;
  } finally {
    if (root >= 0) close(root);
  }
}

/**
 * Waits at most `timeout` ms until the server behind `pipe` has closed everything. Returns false if it has
 * not.
 */
export function waitForServerEnd(pipe: number, timeout: number): boolean {
  const deadline = Date.now() + timeout;
  for (let left = timeout; left > 0; left = deadline - Date.now()) {
    // Nothing is ever written to the pipe, so it becomes readable only by the hangup.
    if (pollReadable([pipe], left) !== 0) return true;
  }
  return false;
}
