/**
 * Messages of `-o remount` to the server of a mount: the kernel sends no request when the flags of a mount
 * change.
 */
import type { AccessTimes } from '../../core/access-times.js';
import { Errno, fsError } from '../../core/errno.js';
import { O_DIRECTORY, O_RDONLY } from '../../core/flags.js';
import { close, openTrusted } from '../../sys/files/open.js';
import { tryReadIoctl, tryWriteIoctl } from '../../sys/ioctl.js';
import { struct, u32 } from '../wire/struct.js';

/**
 * _IOR('y', 'w', 4), an ioctl of plyfs itself, on the root of a mount. Its output: 1 if the upper is
 * writable.
 */
export const PLYFS_IS_WRITABLE = 0x80047977;
/** _IOW('y', 'r', 12). Its input is an encoded {@link Remounted}. */
export const PLYFS_REMOUNTED = 0x400c7972;
/** `mode` is an index of {@link MODES}; the others are 0 or 1. */
const RemountedIn = struct({ mode: u32, directories: u32, readOnly: u32 });

/** Numbers of the modes in the message. */
const MODES = ['relatime', 'strictatime', 'noatime'] as const;

interface Remounted {
  readonly accessTimes: AccessTimes;
  /** The mount becomes read-only. The server then syncs its upper to disk. */
  readonly readOnly: boolean;
}

function encode({ accessTimes, readOnly }: Remounted): Buffer {
  const bytes = Buffer.alloc(RemountedIn.sizeof);
  bytes.writeUInt32LE(MODES.indexOf(accessTimes.mode), RemountedIn.mode);
  bytes.writeUInt32LE(accessTimes.directories ? 1 : 0, RemountedIn.directories);
  bytes.writeUInt32LE(readOnly ? 1 : 0, RemountedIn.readOnly);
  return bytes;
}

/** Returns null if `bytes` are not an encoded message. */
export function decodeRemounted(bytes: Buffer | null): Remounted | null {
  if (bytes === null || bytes.length < RemountedIn.sizeof) return null;
  const mode = MODES[bytes.readUInt32LE(RemountedIn.mode)];
  if (mode === undefined) return null;
  const directories = bytes.readUInt32LE(RemountedIn.directories) !== 0;
  const readOnly = bytes.readUInt32LE(RemountedIn.readOnly) !== 0;
  return { accessTimes: { mode, directories }, readOnly };
}

/**
 * Errnos of a server that does not know the request: it is another program, or it uses fuse-native, which
 * does not pass ioctl(2) on.
 */
const UNKNOWN = new Set<number>([Errno.ENOTTY, Errno.ENOSYS, Errno.EINVAL]);

/**
 * Whether the server of `mountpoint` (bytes) can write to its upper; null if it does not know the request.
 * Throws the errno of opening the root.
 */
export function isServerWritable(mountpoint: string): boolean | null {
  const output = Buffer.alloc(Uint32Array.BYTES_PER_ELEMENT);
  const result = onRoot(mountpoint, (root) => tryReadIoctl(root, PLYFS_IS_WRITABLE, output));
  if (result >= 0) return output.readUInt32LE() !== 0;
  if (UNKNOWN.has(-result)) return null;
  throw fsError(-result, 'ioctl');
}

/**
 * Reports changed flags to the server of `mountpoint` (bytes).
 * @throws FsError: EOPNOTSUPP if the server cannot change how it updates access times; EPERM if the caller is
 * neither root nor the server's user
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
