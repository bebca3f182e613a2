/**
 * Reads and writes that bypass the page cache (O_DIRECT), through an fd that was opened without O_DIRECT,
 * from or to memory that need not be aligned.
 */
import { Errno, fsError } from '../../core/errno.js';
import { O_DIRECT } from '../../core/flags.js';
import { addressOf, allocate, bind, check, lastErrno, type Memory } from '../libc.js';
import { pread, pwrite } from './file-io.js';

const fcntl = bind<(fd: number, command: number, argument: number) => number>('int fcntl(int, int, intptr_t)');
const memcpy = bind<(to: number, from: number, size: number) => number>('intptr_t memcpy(intptr_t, intptr_t, size_t)');

const F_GETFL = 3;
const F_SETFL = 4;
/** In bytes. No block device requires more. */
const ALIGNMENT = 4096;

let memory: Memory | null = null;
let aligned = 0;

/** Returns the address of at least `size` bytes of aligned memory, which all calls share. */
function alignedMemory(size: number): number {
  if (memory === null || memory.buffer.length < size + ALIGNMENT) {
    memory = allocate(size + ALIGNMENT);
    aligned = Math.ceil(memory.address / ALIGNMENT) * ALIGNMENT;
  }
  return aligned;
}

/** Whether the file system of `fd` supports O_DIRECT. */
export function supportsDirect(fd: number): boolean {
  const flags = check(fcntl(fd, F_GETFL, 0), 'fcntl');
  if (fcntl(fd, F_SETFL, flags | O_DIRECT) < 0) {
    const errno = lastErrno();
    if (errno === Errno.EINVAL) return false;
    throw fsError(errno, 'fcntl');
  }
  check(fcntl(fd, F_SETFL, flags), 'fcntl');
  return true;
}

/** Runs `transfer` while `fd` has O_DIRECT. Throws EINVAL if its file system does not support that. */
function directly(fd: number, transfer: () => number): number {
  const flags = check(fcntl(fd, F_GETFL, 0), 'fcntl');
  check(fcntl(fd, F_SETFL, flags | O_DIRECT), 'fcntl');
  try {
    return transfer();
  } finally {
    check(fcntl(fd, F_SETFL, flags), 'fcntl');
  }
}

/**
 * One pread(2) with O_DIRECT into `buffer`, from its offset `at` on. Throws EINVAL if offset or size is not a
 * multiple of the block size.
 */
export function preadDirect(fd: number, buffer: Buffer, at: number, size: number, offset: number): number {
  const from = alignedMemory(size);
  const got = directly(fd, () => pread(fd, from, size, offset));
  memcpy(addressOf(buffer) + at, from, got);
  return got;
}

/** One pwrite(2) with O_DIRECT from `buffer`, from its offset `at` on; errnos as for {@link preadDirect}. */
export function pwriteDirect(fd: number, buffer: Buffer, at: number, size: number, offset: number): number {
  const to = alignedMemory(size);
  memcpy(to, addressOf(buffer) + at, size);
  return directly(fd, () => pwrite(fd, to, size, offset));
}
