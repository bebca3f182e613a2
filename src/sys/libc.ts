/**
 * The native interface: libc through koffi, bound once in each thread. Only this file loads koffi.
 *
 * Buffers are passed by address (`intptr_t`), because a Buffer with its own allocation never moves, and a
 * number needs no conversion. Each thread that imports this module has its own scratch memory. A value in it
 * is valid until the next call into `src/sys`.
 */
import koffi from 'koffi';
import { Errno, fsError } from '../core/errno.js';

const lib = koffi.load('libc.so.6');

/** Binds one libc function by its C prototype. Pointers are declared `intptr_t`. */
export function bind<F extends (...args: never[]) => unknown>(prototype: string): F {
  return lib.func(prototype) as unknown as F;
}

/** The address of a Buffer's memory. The caller must keep the Buffer while it uses the address. */
export function addressOf(buffer: Uint8Array): number {
  return Number(koffi.address(buffer));
}

/** A Buffer with its own memory (never from Node's shared pool), and its address. */
export interface Memory {
  readonly buffer: Buffer;
  readonly address: number;
}

export function allocate(bytes: number): Memory {
  const buffer = Buffer.from(new ArrayBuffer(bytes));
  return { buffer, address: addressOf(buffer) };
}

/** The errno of the calling thread. It is valid directly after a call that failed. */
export function lastErrno(): number {
  return koffi.errno();
}

/** Returns `result`, or throws the calling thread's errno if `result` is negative. */
export function check(result: number, syscall: string): number {
  if (result < 0) throw fsError(koffi.errno(), syscall);
  return result;
}

/** Longer than PATH_MAX (4096): the kernel reports ENAMETOOLONG before this limit is reached. */
const PATH_BYTES = 16384;
const first = allocate(PATH_BYTES);
const second = allocate(PATH_BYTES);

function writePath(memory: Memory, path: string): number {
  const { buffer } = memory;
  const { length } = path;
  if (length >= PATH_BYTES) throw fsError(Errno.ENAMETOOLONG, 'path');
  // Most names are short. For these a loop is faster than the native `Buffer.write`.
  if (length < 24) for (let i = 0; i < length; i++) buffer[i] = path.charCodeAt(i);
  else buffer.write(path, 0, 'latin1');
  buffer[length] = 0;
  return memory.address;
}

/** Writes a latin1-decoded path as a C string to scratch memory. Returns its address. */
export function cPath(path: string): number {
  return writePath(first, path);
}

/** As {@link cPath}, for the second path of a call that takes two. */
export function cPath2(path: string): number {
  return writePath(second, path);
}

export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_REMOVEDIR = 0x200;
export const AT_SYMLINK_FOLLOW = 0x400;
export const AT_EMPTY_PATH = 0x1000;
