/**
 * Lets the program that unmounts wait until the server has closed its layers: umount(2) does not wait for that. The
 * server holds both ends of a pipe. The client asks it for its process id and the number of the read end, and opens
 * that end through /proc before it unmounts. Then it waits for the hangup: the kernel hangs up when the server closes
 * the write end or is killed.
 */
import { Errno, fsError, isErrno } from '../core/errno.js';
import { isFifo } from '../core/file-mode.js';
import { FileStat } from '../core/file-stat.js';
import { O_NONBLOCK, O_PATH, O_RDONLY } from '../core/flags.js';
import { tryReadIoctl } from '../sys/ioctl.js';
import { close, openTrusted, reopen } from '../sys/open.js';
import { openPipe } from '../sys/pipe.js';
import { pollReadable } from '../sys/poll.js';
import { statFd } from '../sys/stat.js';
import { openMountRoot } from './mount-root.js';

/** _IOR('y', 'e', 16): a number of our own, for the root of a mount. Returns a {@link PipePlace}. */
export const PLYFS_SERVER_END = 0x80107965;
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
 * Errnos of a server that does not know the request: that of another program, or one with fuse-native, which passes no
 * ioctl(2).
 */
const UNKNOWN = new Set<number>([Errno.ENOTTY, Errno.ENOSYS, Errno.EINVAL]);

/**
 * Opens the pipe of the server of `mountpoint` (bytes). Returns an fd, which the caller owns, or -1 if the server
 * cannot be waited for: it is another program or another user's, or it runs in another PID namespace.
 */
export function openServerEnd(mountpoint: string): number {
  const place = placeOf(mountpoint);
  if (place === null) return -1;
  let found = -1;
  try {
    found = openTrusted(`/proc/${place.pid}/fd/${place.fd}`, O_PATH);
    statFd(found, stat);
    // If the server is in another PID namespace, another process has this number here, and its fd is something else.
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
  const root = openMountRoot(mountpoint);
  if (root < 0) return null;
  try {
    const bytes = Buffer.alloc(PLACE_BYTES);
    const result = tryReadIoctl(root, PLYFS_SERVER_END, bytes);
    if (result < 0) {
      if (UNKNOWN.has(-result)) return null;
      throw fsError(-result, 'ioctl');
    }
    return { pid: bytes.readUInt32LE(0), fd: bytes.readUInt32LE(4), ino: Number(bytes.readBigUInt64LE(8)) };
  } finally {
    close(root);
  }
}

/** Waits at most `timeout` ms until the server behind `pipe` has closed everything. Returns false if it has not. */
export function waitForServerEnd(pipe: number, timeout: number): boolean {
  const deadline = Date.now() + timeout;
  for (let left = timeout; left > 0; left = deadline - Date.now()) {
    // Nothing is ever written to the pipe, so it becomes readable only by the hangup.
    if (pollReadable([pipe], left) !== 0) return true;
  }
  return false;
}
