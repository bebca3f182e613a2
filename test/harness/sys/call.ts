/** How the tests make a system call: by libc, on paths that are bytes, failing with the errno's name. */
import { constants } from 'node:os';
import { errnoName } from '../../../src/core/errno.js';
import {
  lastErrno,
  type Memory,
  cPath as memoryOfPath,
  cPath2 as memoryOfSecondPath,
  allocate as newMemory,
} from '../../../src/sys/libc.js';

export { AT_FDCWD, bind } from '../../../src/sys/libc.js';

/**
 * Given as a path, or as the name of an xattr: an address that nothing is mapped at. No path has a NUL in it.
 */
export const FAULT = '\0fault';
const UNMAPPED = 8;

export function cPath(path: string): number {
  return path === FAULT ? UNMAPPED : memoryOfPath(path);
}

export function cPath2(path: string): number {
  return path === FAULT ? UNMAPPED : memoryOfSecondPath(path);
}

const recent: Memory[] = [];
let next = 0;

/**
 * Memory for a call's arguments. It outlives the call even if nobody looks at it again: the last 16 are kept.
 */
export function allocate(bytes: number): Memory {
  const memory = newMemory(bytes);
  recent[next] = memory;
  next = (next + 1) % 16;
  return memory;
}

const OTHER_NAMES = new Map(Object.entries(constants.errno).map(([name, value]) => [value, name]));

function codeOf(errno: number): string {
  const known = errnoName(errno);
  return known.startsWith('errno') ? (OTHER_NAMES.get(errno) ?? known) : known;
}

/** A system call that failed in a test; unlike the product's errors it has a stack. */
export class SysError extends Error {
  override readonly name = 'SysError';
  constructor(
    readonly code: string,
    syscall: string,
    what: string,
  ) {
    super(`${code}: ${syscall} ${what}`);
  }
}

/**
 * Is told of each call: its name, what it came to (`'ok'` or an errno's name), and the path or descriptor it
 * was given.
 */
export type Observer = (syscall: string, came: string, what: string | number) => void;
let observer: Observer | null = null;

/** Runs `body` while `each` is told of every system call that is made through this folder. */
export function observeCalls<T>(each: Observer, body: () => T): T {
  const before = observer;
  observer = each;
  try {
    return body();
  } finally {
    observer = before;
  }
}

/** Returns `result`, or throws the errno that made it negative. Must directly follow the call. */
export function check<T extends number | bigint>(result: T, syscall: string, what: string | number): T {
  if (result >= 0) {
    observer?.(syscall, 'ok', what);
    return result;
  }
  throw failed(lastErrno(), syscall, what);
}

/** The same for calls that return an errno instead of setting it (posix_spawn(3), posix_fadvise(2)). */
export function checkReturned(errno: number, syscall: string, what: string | number): void {
  if (errno !== 0) throw failed(errno, syscall, what);
  observer?.(syscall, 'ok', what);
}

function failed(errno: number, syscall: string, what: string | number): SysError {
  const code = codeOf(errno);
  observer?.(syscall, code, what);
  return new SysError(code, syscall, String(what));
}

/** What `body` failed with: an errno's name, or `'ok'`. Other exceptions pass. */
export function outcome(body: () => unknown): string {
  try {
    body();
    return 'ok';
  } catch (error) {
    if (error instanceof SysError) return error.code;
    throw error;
  }
}
