/** Open files: open, read, write, seek, allocate, copy, sync. */
import { O_CREAT, O_TMPFILE } from '../../../src/core/flags.js';
import { AT_FDCWD, allocate, bind, check, cPath } from './call.js';

const openCall = bind<(fd: number, path: number, flags: number, mode: number) => number>(
  'int openat(int, intptr_t, int, uint)',
);
const closeCall = bind<(fd: number) => number>('int close(int)');
const readCall = bind<(fd: number, into: number, size: number) => number>('long read(int, intptr_t, size_t)');
const writeCall = bind<(fd: number, from: number, size: number) => number>('long write(int, intptr_t, size_t)');
const preadCall = bind<(fd: number, into: number, size: number, offset: number) => number>(
  'long pread64(int, intptr_t, size_t, int64_t)',
);
const pwriteCall = bind<(fd: number, from: number, size: number, offset: number) => number>(
  'long pwrite64(int, intptr_t, size_t, int64_t)',
);
const lseekCall = bind<(fd: number, offset: number | bigint, whence: number) => number>(
  'int64_t lseek64(int, int64_t, int)',
);
const truncateCall = bind<(path: number, size: number) => number>('int truncate64(intptr_t, int64_t)');
const ftruncateCall = bind<(fd: number, size: number) => number>('int ftruncate64(int, int64_t)');
const fallocateCall = bind<(fd: number, mode: number, offset: number, length: number) => number>(
  'int fallocate64(int, int, int64_t, int64_t)',
);
const copyRangeCall = bind<
  (from: number, at: number, to: number, toAt: number, size: number | bigint, flags: number) => number
>('long copy_file_range(int, intptr_t, int, intptr_t, size_t, uint)');
const sendfileCall = bind<(to: number, from: number, offset: number, size: number) => number>(
  'long sendfile64(int, int, intptr_t, size_t)',
);
const spliceCall = bind<
  (from: number, fromAt: number, to: number, toAt: number, size: number, flags: number) => number
>('long splice(int, intptr_t, int, intptr_t, size_t, uint)');
const pipeCall = bind<(into: number) => number>('int pipe(intptr_t)');
const fsyncCall = bind<(fd: number) => number>('int fsync(int)');
const fdatasyncCall = bind<(fd: number) => number>('int fdatasync(int)');
const syncfsCall = bind<(fd: number) => number>('int syncfs(int)');

export const SEEK_SET = 0;
export const SEEK_CUR = 1;
export const SEEK_END = 2;

function openName(flags: number): string {
  if ((flags & O_TMPFILE) === O_TMPFILE) return 'open O_TMPFILE';
  return (flags & O_CREAT) === 0 ? 'open' : 'open O_CREAT';
}

export function open(path: string, flags: number, mode = 0o644, dirfd: number = AT_FDCWD): number {
  return check(openCall(dirfd, cPath(path), flags, mode), openName(flags), path);
}

export function close(fd: number): void {
  check(closeCall(fd), 'close', fd);
}

/** Opens a file, runs `body` with its descriptor, and closes it. */
export function withFd<T>(path: string, flags: number, body: (fd: number) => T, mode = 0o644): T {
  const fd = open(path, flags, mode);
  try {
    return body(fd);
  } finally {
    close(fd);
  }
}

function bytesOf(data: string | Uint8Array): { memory: ReturnType<typeof allocate>; length: number } {
  const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : data;
  const memory = allocate(Math.max(1, bytes.length));
  memory.buffer.set(bytes);
  return { memory, length: bytes.length };
}

export function read(fd: number, size: number): Buffer {
  const { buffer, address } = allocate(size);
  return buffer.subarray(0, check(readCall(fd, address, size), 'read', fd));
}

export function pread(fd: number, size: number, offset: number): Buffer {
  const { buffer, address } = allocate(size);
  return buffer.subarray(0, check(preadCall(fd, address, size, offset), 'pread', fd));
}

export function write(fd: number, data: string | Uint8Array): number {
  const { memory, length } = bytesOf(data);
  return check(writeCall(fd, memory.address, length), 'write', fd);
}

export function pwrite(fd: number, data: string | Uint8Array, offset: number): number {
  const { memory, length } = bytesOf(data);
  return check(pwriteCall(fd, memory.address, length, offset), 'pwrite', fd);
}

/** One page-aligned write of `size` bytes of `fill`, as O_DIRECT requires. */
export function pwriteAligned(fd: number, fill: number, size: number, offset: number): number {
  const { buffer, address } = allocate(size + 4096);
  buffer.fill(fill);
  const aligned = Math.ceil(address / 4096) * 4096;
  return check(pwriteCall(fd, aligned, size, offset), 'pwrite', fd);
}

export function preadAligned(fd: number, size: number, offset: number): Buffer {
  const { buffer, address } = allocate(size + 4096);
  const aligned = Math.ceil(address / 4096) * 4096;
  const got = check(preadCall(fd, aligned, size, offset), 'pread', fd);
  return buffer.subarray(aligned - address, aligned - address + got);
}

export function lseek(fd: number, offset: number | bigint, whence: number): number {
  return Number(check(lseekCall(fd, offset, whence), 'lseek', fd));
}

export function truncate(path: string, size: number): void {
  check(truncateCall(cPath(path), size), 'truncate', path);
}

export function ftruncate(fd: number, size: number): void {
  check(ftruncateCall(fd, size), 'ftruncate', fd);
}

export function fallocate(fd: number, mode: number, offset: number, length: number): void {
  check(fallocateCall(fd, mode, offset, length), 'fallocate', fd);
}

export function copyFileRange(
  from: number,
  fromOffset: number | bigint,
  to: number,
  toOffset: number | bigint,
  size: number | bigint,
  flags = 0,
): number {
  const offsets = allocate(16);
  offsets.buffer.writeBigInt64LE(BigInt(fromOffset), 0);
  offsets.buffer.writeBigInt64LE(BigInt(toOffset), 8);
  return check(copyRangeCall(from, offsets.address, to, offsets.address + 8, size, flags), 'copy_file_range', from);
}

export function sendfile(to: number, from: number, size: number): number {
  return check(sendfileCall(to, from, 0, size), 'sendfile', from);
}

/** Moves `text` through a pipe into a file, at its position, by splice(2). */
export function spliceInto(to: number, text: string): number {
  const { buffer, address } = allocate(8);
  check(pipeCall(address), 'pipe', to);
  const [from, end] = [buffer.readInt32LE(0), buffer.readInt32LE(4)];
  try {
    write(end, text);
    return check(spliceCall(from, 0, to, 0, text.length, 0), 'splice', to);
  } finally {
    close(from);
    close(end);
  }
}

export function fsync(fd: number): void {
  check(fsyncCall(fd), 'fsync', fd);
}

export function fdatasync(fd: number): void {
  check(fdatasyncCall(fd), 'fdatasync', fd);
}

export function syncfs(fd: number): void {
  check(syncfsCall(fd), 'syncfs', fd);
}

/** Returns the whole content of a file, its bytes as latin1. */
export function readFile(path: string): string {
  const fd = open(path, 0);
  try {
    const parts: Buffer[] = [];
    for (;;) {
      const part = read(fd, 1 << 16);
      if (part.length === 0) return Buffer.concat(parts).toString('latin1');
      parts.push(part);
    }
  } finally {
    close(fd);
  }
}

/** Creates or truncates a file and writes all of `data`. */
export function writeFile(path: string, data: string | Uint8Array, mode = 0o644): void {
  const fd = open(path, 0o1 | 0o100 | 0o1000, mode);
  try {
    write(fd, data);
  } finally {
    close(fd);
  }
}

const dupCall = bind<(fd: number) => number>('int dup(int)');

export function duplicate(fd: number): number {
  return check(dupCall(fd), 'dup', fd);
}
