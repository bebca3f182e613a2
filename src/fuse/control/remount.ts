/**
 * Messages from `-o remount` to a mount's server: the kernel sends no request when the flags of a mount
 * change.
 */
import type { AccessTimes } from '../../core/access-times.js';
import { Errno, fsError } from '../../core/errno.js';
import { O_DIRECTORY, O_RDONLY } from '../../core/flags.js';
import { close, openTrusted } from '../../sys/files/open.js';
import { tryReadIoctl, tryWriteIoctl } from '../../sys/ioctl.js';

/**
 * _IOR('y', 'w', 4), a number of our own, for the root of a mount. Returns a u32: 1 if the server can write
 * to its upper.
 */
export const PLYFS_IS_WRITABLE = 0x80047977;
/** _IOW('y', 'r', 12): an encoded {@link Remounted}. */
export const PLYFS_REMOUNTED = 0x400c7972;
const REMOUNTED_BYTES = 12;

/** Numbers of the modes in the message. */
const MODES = ['relatime', 'strictatime', 'noatime'] as const;

export interface Remounted {
  readonly accessTimes: AccessTimes;
  /** The mount becomes read-only: the server writes to disk what was written so far. */
  readonly readOnly: boolean;
}

/** u32 mode, directories, readOnly */
function encode({ accessTimes, readOnly }: Remounted): Buffer {
  const bytes = Buffer.alloc(REMOUNTED_BYTES);
  bytes.writeUInt32LE(MODES.indexOf(accessTimes.mode), 0);
  bytes.writeUInt32LE(accessTimes.directories ? 1 : 0, 4);
  bytes.writeUInt32LE(readOnly ? 1 : 0, 8);
  return bytes;
}

/** Null if `bytes` are no such message. */
export function decodeRemounted(bytes: Buffer | null): Remounted | null {
  if (bytes === null || bytes.length < REMOUNTED_BYTES) return null;
  const mode = MODES[bytes.readUInt32LE(0)];
  if (mode === undefined) return null;
  return { accessTimes: { mode, directories: bytes.readUInt32LE(4) !== 0 }, readOnly: bytes.readUInt32LE(8) !== 0 };
}

/**
 * Errnos of a server that does not know the request: that of another program, or one with fuse-native, which
 * passes no ioctl(2).
 */
const UNKNOWN = new Set<number>([Errno.ENOTTY, Errno.ENOSYS, Errno.EINVAL]);

/**
 * Whether the server of `mountpoint` (bytes) can write to its upper; null: it does not answer. Throws the
 * errno of opening the mount.
 */
export function isServerWritable(mountpoint: string): boolean | null {
  const answer = Buffer.alloc(4);
  const result = onRoot(mountpoint, (root) => tryReadIoctl(root, PLYFS_IS_WRITABLE, answer));
  if (result >= 0) return answer.readUInt32LE(0) !== 0;
  if (UNKNOWN.has(-result)) return null;
  throw fsError(-result, 'ioctl');
}

/**
 * Reports changed flags to the server of `mountpoint` (bytes).
 * @throws FsError: EOPNOTSUPP if the server cannot change when it updates access times; EPERM if the caller
 * is neither root nor the server's user
 */
export function reportRemounted(mountpoint: string, remounted: Remounted): void {
  const result = onRoot(mountpoint, (root) => tryWriteIoctl(root, PLYFS_REMOUNTED, encode(remounted)));
  if (result < 0) throw fsError(UNKNOWN.has(-result) ? Errno.EOPNOTSUPP : -result, 'ioctl');
}

function onRoot(mountpoint: string, use: (root: number) => number): number {
  const root = openTrusted(mountpoint, O_RDONLY | O_DIRECTORY);
  try {
    return use(root);
  } finally {
    close(root);
  }
}
