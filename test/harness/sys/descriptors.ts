/** Calls on a descriptor with any arguments, also with arguments that the kernel must refuse. */
import { allocate, bind, check, checkReturned, cPath2 } from './call.js';

const syscall4 = bind<(n: number, fd: number, a: number | bigint, b: number | bigint, c: number) => number>(
  'long syscall(long, long, long, long, long)',
);
const adviseCall = bind<(fd: number, offset: number, length: number, advice: number) => number>(
  'int posix_fadvise64(int, int64_t, int64_t, int)',
);
const syncRangeCall = bind<(fd: number, offset: number, length: number, flags: number) => number>(
  'int sync_file_range(int, int64_t, int64_t, uint)',
);
const readaheadCall = bind<(fd: number, offset: number, size: number) => number>(
  'long readahead(int, int64_t, size_t)',
);
const mmapCall = bind<
  (at: number, size: number, protection: number, flags: number, fd: number, offset: number) => number
>('intptr_t mmap64(intptr_t, size_t, int, int, int, int64_t)');
const munmapCall = bind<(at: number, size: number) => number>('int munmap(intptr_t, size_t)');
const msyncCall = bind<(at: number, size: number, flags: number) => number>('int msync(intptr_t, size_t, int)');
const ioctlCall = bind<(fd: number, request: number, argument: number) => number>('int ioctl(int, ulong, intptr_t)');
const fcntlCall = bind<(fd: number, command: number, argument: number) => number>('int fcntl(int, int, intptr_t)');
const fstatfsCall = bind<(fd: number, into: number) => number>('int fstatfs(int, intptr_t)');
const sendfileCall = bind<(to: number, from: number, offset: number, size: number) => number>(
  'long sendfile64(int, int, intptr_t, size_t)',
);
const openHandleCall = bind<(mountFd: number, handle: number, flags: number) => number>(
  'int open_by_handle_at(int, intptr_t, int)',
);
const fgetxattrCall = bind<(fd: number, name: number, into: number, size: number) => number>(
  'long fgetxattr(int, intptr_t, intptr_t, size_t)',
);
const flistxattrCall = bind<(fd: number, into: number, size: number) => number>(
  'long flistxattr(int, intptr_t, size_t)',
);
const fremovexattrCall = bind<(fd: number, name: number) => number>('int fremovexattr(int, intptr_t)');

/** A number that no open descriptor has. */
export const NO_FD = 1_000_000;

/** Calls that move bytes between a descriptor and an address, with their numbers on x86-64. */
const TRANSFERS = { read: 0, write: 1, pread: 17, pwrite: 18, getdents: 217 } as const;

/** Moves `size` bytes from or to `address`, at which no memory needs to be mapped. */
export function transfer(call: keyof typeof TRANSFERS, fd: number, address: number, size: number, offset = 0): number {
  return check(syscall4(TRANSFERS[call], fd, address, size, offset), call, fd);
}

export function fadvise(fd: number, advice: number): void {
  checkReturned(adviseCall(fd, 0, 0, advice), 'posix_fadvise', fd);
}

export function syncFileRange(fd: number, offset: number, length: number, flags: number): void {
  check(syncRangeCall(fd, offset, length, flags), 'sync_file_range', fd);
}

export function readahead(fd: number, offset: number, size: number): void {
  check(readaheadCall(fd, offset, size), 'readahead', fd);
}

/** Maps a file with these arguments and unmaps it again. */
export function mmap(fd: number, size: number, protection: number, flags: number, offset = 0): void {
  const at = check(mmapCall(0, size, protection, flags, fd, offset), 'mmap', fd);
  check(munmapCall(at, size), 'munmap', fd);
}

export function msync(address: number, size: number, flags: number): void {
  check(msyncCall(address, size, flags), 'msync', address);
}

export function fstatfs(fd: number): void {
  check(fstatfsCall(fd, allocate(128).address), 'fstatfs', fd);
}

export function statfsInto(fd: number, address: number): void {
  check(fstatfsCall(fd, address), 'fstatfs', fd);
}

/** sendfile(2) whose offset is at an address. */
export function sendfileFrom(to: number, from: number, offsetAt: number, size: number): void {
  check(sendfileCall(to, from, offsetAt, size), 'sendfile', from);
}

/** sendfile(2) from an offset in the file. */
export function sendfileAt(to: number, from: number, offset: number, size: number): void {
  const { buffer, address } = allocate(8);
  buffer.writeBigInt64LE(BigInt(offset));
  sendfileFrom(to, from, address, size);
}

/** open_by_handle_at(2) whose handle is at an address. */
export function openByHandleAt(mountFd: number, address: number): void {
  check(openHandleCall(mountFd, address, 0), 'open_by_handle_at', mountFd);
}

export function fgetxattr(fd: number, name: string): string {
  const { buffer, address } = allocate(65_536);
  return buffer.toString('latin1', 0, check(fgetxattrCall(fd, cPath2(name), address, 65_536), 'fgetxattr', fd));
}

export function flistxattr(fd: number): void {
  check(flistxattrCall(fd, allocate(65_536).address, 65_536), 'flistxattr', fd);
}

export function fremovexattr(fd: number, name: string): void {
  check(fremovexattrCall(fd, cPath2(name)), 'fremovexattr', fd);
}

/** Requests of ioctl(2) on files (linux/fs.h) that have one name and take one pointer. */
const REQUESTS = {
  FS_IOC_GETFLAGS: 0x80086601,
  FS_IOC_SETFLAGS: 0x40086602,
  FS_IOC_FSGETXATTR: 0x801c581f,
  FS_IOC_FSSETXATTR: 0x401c5820,
} as const;

export function ioctlAt(request: keyof typeof REQUESTS, fd: number, address: number): void {
  check(ioctlCall(fd, REQUESTS[request], address), request, fd);
}

/**
 * Returns `struct fsxattr` of a file: 28 bytes. Bytes 0 to 3 are the flags, bytes 12 to 15 the project id.
 */
export function getFsxattr(fd: number): Buffer {
  const { buffer, address } = allocate(28);
  ioctlAt('FS_IOC_FSGETXATTR', fd, address);
  return buffer;
}

export function setFsxattr(fd: number, value: Buffer): void {
  const { buffer, address } = allocate(28);
  value.copy(buffer);
  ioctlAt('FS_IOC_FSSETXATTR', fd, address);
}

/** Shares the blocks of `from`, if the file system can. */
export function ficlone(to: number, from: number): void {
  check(ioctlCall(to, 0x40049409, from), 'FICLONE', to);
}

const F_SETLEASE = 1024;

/** Takes a lease of `type` (F_RDLCK, F_WRLCK, F_UNLCK). */
export function setLease(fd: number, type: number): void {
  check(fcntlCall(fd, F_SETLEASE, type), 'fcntl F_SETLEASE', fd);
}

/** Takes a lock that the struct at `address` describes. */
export function lockAt(fd: number, address: number): void {
  check(fcntlCall(fd, 6 /* F_SETLK */, address), 'fcntl lock', fd);
}
