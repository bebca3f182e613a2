/**
 * Lets the program that unmounts wait until the server has closed its layers. umount(2) does not wait for
 * that. The server holds both ends of a pipe. The client asks it for its process id and the number of the
 * read end, and opens that end through /proc before it unmounts. Then it waits for the hangup: the kernel
 * hangs up when the server closes the write end or is killed.
 *
 * There are two ways to ask. ioctl(2) needs an fd of the root. When the root is opened, the kernel asks the
 * server for its attributes, and that request fails if the layers fail. getxattr(2) does not need them, but
 * the kernel sends no such request to a mount with `noxattrs`.
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
import { struct, u32, u64 } from '../wire/struct.js';
import { openMountRoot } from './mount-root.js';

/**
 * _IOR('y', 'e', 16): an ioctl of plyfs itself, on the root of a mount. Its output is a {@link PipeLocation}.
 */
export const PLYFS_SERVER_END = 0x80107965;
/**
 * An xattr of the root whose value is the same {@link PipeLocation}. listxattr(2) does not list it. In the
 * namespace `system` the kernel checks no permission (fs/xattr.c:xattr_permission).
 */
export const SERVER_END_XATTR = 'system.plyfs.server_end';
/**
 * The read end of the pipe: the process that has it open, its fd in that process, and the inode of the pipe.
 */
const PipeLocation = struct({ pid: u32, fd: u32, ino: u64 });
const stat = new FileStat();

/** The server's side. It makes the pipe when a client first asks for it. */
export class ServerEnd {
  private pipe: readonly [readEnd: number, writeEnd: number] | null = null;

  /** The bytes of a {@link PipeLocation}. The process id is valid in the server's own PID namespace. */
  encodeLocation(): Buffer {
    this.pipe ??= openPipe();
    const [readEnd] = this.pipe;
    statFd(readEnd, stat);
    const bytes = Buffer.alloc(PipeLocation.sizeof);
    bytes.writeUInt32LE(process.pid, PipeLocation.pid);
    bytes.writeUInt32LE(readEnd, PipeLocation.fd);
    bytes.writeBigUInt64LE(BigInt(stat.ino), PipeLocation.ino);
    return bytes;
  }

  /** Hangs up, which shows the client that the server has closed everything else. */
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
  const location = locationOf(mountpoint);
  if (location === null) return -1;
  let found = -1;
  try {
    found = openTrusted(`/proc/${location.pid}/fd/${location.fd}`, O_PATH);
    statFd(found, stat);
    // If the server is in another PID namespace, another process has this number here, and its fd is
    // something else.
    return isFifo(stat.mode) && stat.ino === location.ino ? reopen(found, O_RDONLY | O_NONBLOCK) : -1;
  } catch (error) {
    // ENOENT: no such process, or no such fd of it. EACCES, EPERM: another user's (man proc_pid_fd(5)).
    if (isErrno(error, 'ENOENT', 'EACCES', 'EPERM')) return -1;
    throw error;
  } finally {
    if (found >= 0) close(found);
  }
}

function locationOf(mountpoint: string): { pid: number; fd: number; ino: number } | null {
  const bytes = askByIoctl(mountpoint) ?? askByXattr(mountpoint);
  if (bytes === null || bytes.length !== PipeLocation.sizeof) return null;
  return {
    pid: bytes.readUInt32LE(PipeLocation.pid),
    fd: bytes.readUInt32LE(PipeLocation.fd),
    ino: Number(bytes.readBigUInt64LE(PipeLocation.ino)),
  };
}

/**
 * Returns null if the server does not answer. Tolerates every errno, because none of them must prevent the
 * unmount: ENOTTY, ENOSYS or EINVAL if the server does not know the request, ENOTCONN if it has died, EMFILE
 * if it cannot make the pipe.
 */
function askByIoctl(mountpoint: string): Buffer | null {
  const root = openMountRoot(mountpoint);
  if (root < 0) return null;
  try {
    const bytes = Buffer.alloc(PipeLocation.sizeof);
    return tryReadIoctl(root, PLYFS_SERVER_END, bytes) < 0 ? null : bytes;
  } finally {
    close(root);
  }
}

/**
 * Does the same with getxattr(2), which fails with EOPNOTSUPP or ENODATA if the server does not know the
 * xattr.
 */
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
