/** ioctl(2) requests on files of a layer. */
import { fsError } from '../core/errno.js';
import { allocate, bind, check, lastErrno } from './libc.js';

const ioctlCall = bind<(fd: number, request: number, argument: number) => number>('int ioctl(int, ulong, intptr_t)');

const FICLONE = 0x40049409;
const FS_IOC_GETFLAGS = 0x80086601;
const FS_IOC_SETFLAGS = 0x40086602;
const FS_IOC_FSGETXATTR = 0x801c581f;
const FS_IOC_FSSETXATTR = 0x401c5820;
/** sizeof(struct fsxattr), linux/fs.h. */
const FSXATTR_BYTES = 28;

const argument = allocate(32);

/** ioctl(2) with an integer argument. A failure is the negative errno. */
export function tryIoctl(fd: number, request: number, value: number): number {
  const result = ioctlCall(fd, request, value);
  return result < 0 ? -lastErrno() : result;
}

/** ioctl(2) that fills `into`, at most 32 bytes. A failure is the negative errno. */
export function tryReadIoctl(fd: number, request: number, into: Buffer): number {
  argument.buffer.fill(0);
  const result = tryIoctl(fd, request, argument.address);
  if (result >= 0) argument.buffer.copy(into, 0, 0, into.length);
  return result;
}

/** ioctl(2) that passes `from`, at most 32 bytes. A failure is the negative errno. */
export function tryWriteIoctl(fd: number, request: number, from: Buffer): number {
  from.copy(argument.buffer);
  return tryIoctl(fd, request, argument.address);
}

/**
 * Shares all blocks of `from` with the empty file `to` (man ioctl_ficlone(2)). Returns 0, or the negative
 * errno.
 */
export function tryClone(to: number, from: number): number {
  return tryIoctl(to, FICLONE, from);
}

/**
 * Returns the flags (man ioctl_iflags(2)), none of which has the sign bit. A failure is the negative errno.
 */
export function tryGetInodeFlags(fd: number): number {
  argument.buffer.writeUInt32LE(0, 0);
  const result = tryIoctl(fd, FS_IOC_GETFLAGS, argument.address);
  return result < 0 ? result : argument.buffer.readUInt32LE(0);
}

export function getInodeFlags(fd: number): number {
  const flags = tryGetInodeFlags(fd);
  if (flags < 0) throw fsError(-flags, 'FS_IOC_GETFLAGS');
  return flags;
}

export function setInodeFlags(fd: number, flags: number): void {
  argument.buffer.writeUInt32LE(flags, 0);
  check(ioctlCall(fd, FS_IOC_SETFLAGS, argument.address), 'FS_IOC_SETFLAGS');
}

export function getFsxattr(fd: number): Buffer {
  check(ioctlCall(fd, FS_IOC_FSGETXATTR, argument.address), 'FS_IOC_FSGETXATTR');
  return Buffer.from(argument.buffer.subarray(0, FSXATTR_BYTES));
}

export function setFsxattr(fd: number, fsxattr: Buffer): void {
  fsxattr.copy(argument.buffer, 0, 0, FSXATTR_BYTES);
  check(ioctlCall(fd, FS_IOC_FSSETXATTR, argument.address), 'FS_IOC_FSSETXATTR');
}
