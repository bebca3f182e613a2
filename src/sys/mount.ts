/** mount(2), umount2(2), mount_setattr(2). */
import type { AccessTimes } from '../core/access-times.js';
import { Errno, fsError } from '../core/errno.js';
import { AT_EMPTY_PATH, allocate, bind, check, cPath, cPath2, lastErrno, type Memory } from './libc.js';

const mountCall = bind<(source: number, target: number, type: number, flags: number, data: number) => number>(
  'int mount(intptr_t, intptr_t, intptr_t, ulong, intptr_t)',
);
const umountCall = bind<(target: number, flags: number) => number>('int umount2(intptr_t, int)');

/** A flag of umount2(2). */
export const MNT_DETACH = 2;

const syscall5 = bind<(n: number, a: number, b: number, c: number, d: number, e: number) => number>(
  'long syscall(long, long, intptr_t, long, intptr_t, long)',
);
const SYS_MOUNT_SETATTR = 442;
const MOUNT_ATTR_RDONLY = 0x1;
const MOUNT_ATTR_NODEV = 0x4;
const MOUNT_ATTR_ATIME_MASK = 0x70;
const MOUNT_ATTR_RELATIME = 0;
const MOUNT_ATTR_NOATIME = 0x10;
const MOUNT_ATTR_STRICTATIME = 0x20;
const MOUNT_ATTR_NODIRATIME = 0x80;
const MS_REMOUNT = 32;
const MS_PRIVATE = 1 << 18;
/** sizeof(struct mount_attr), linux/mount.h. */
const MOUNT_ATTR_BYTES = 32;

/** The kernel reads at most a page of the type and of the data. */
const PAGE = 4096;
const typeMemory = allocate(PAGE);
const dataMemory = allocate(PAGE);

/**
 * Mounts a file system. All strings are latin1-decoded bytes.
 * @param data options that the file system parses
 */
export function mountFs(source: string, target: string, type: string, flags: number, data: string): void {
  const typeAt = cString(typeMemory, type);
  const dataAt = cString(dataMemory, data);
  check(mountCall(cPath2(source), cPath(target), typeAt, flags, dataAt), 'mount');
}

function cString({ buffer, address }: Memory, text: string): number {
  if (text.length >= PAGE) throw fsError(Errno.EINVAL, 'mount');
  buffer.write(`${text}\0`, 'latin1');
  return address;
}

/** Replaces all MS_* flags of a mount and of its file system (mount(2), MS_REMOUNT). */
export function remountFs(target: string, flags: number): void {
  check(mountCall(0, cPath(target), 0, flags | MS_REMOUNT, 0), 'mount');
}

export function umountFs(target: string, flags = 0): void {
  check(umountCall(cPath(target), flags), 'umount2');
}

const attributes = allocate(MOUNT_ATTR_BYTES);

/**
 * Makes a detached mount (open_tree(2)) read-only, without updates of access times and without devices. A
 * failure is the negative errno (ENOSYS before Linux 5.12).
 */
export function trySetReadOnly(tree: number): number {
  return trySetAttributes(tree, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOATIME, MOUNT_ATTR_ATIME_MASK);
}

const ATIME_ATTRIBUTES = {
  relatime: MOUNT_ATTR_RELATIME,
  strictatime: MOUNT_ATTR_STRICTATIME,
  noatime: MOUNT_ATTR_NOATIME,
} as const;

/**
 * Sets the options for access times of a detached mount, independently of the mount that it was cloned from.
 * A failure is the negative errno: ENOSYS before Linux 5.12; EPERM if the original belongs to another user
 * namespace, which locks its options.
 */
export function trySetAccessTimes(tree: number, { mode, directories }: AccessTimes): number {
  const set = ATIME_ATTRIBUTES[mode] | (directories ? 0 : MOUNT_ATTR_NODIRATIME);
  return trySetAttributes(tree, set, MOUNT_ATTR_ATIME_MASK | MOUNT_ATTR_NODIRATIME);
}

/**
 * Makes a new mount private, so that later mounts on the original do not propagate to it. A failure is the
 * negative errno.
 */
export function tryMakePrivate(tree: number): number {
  return trySetAttributes(tree, 0, 0);
}

/** mount_setattr(2), which also makes the mount private. */
function trySetAttributes(tree: number, set: number, clear: number): number {
  const { buffer } = attributes;
  buffer.fill(0);
  buffer.writeUInt32LE(set, 0);
  buffer.writeUInt32LE(clear, 8);
  buffer.writeUInt32LE(MS_PRIVATE, 16);
  const result = syscall5(SYS_MOUNT_SETATTR, tree, cPath(''), AT_EMPTY_PATH, attributes.address, MOUNT_ATTR_BYTES);
  return result < 0 ? -lastErrno() : 0;
}
