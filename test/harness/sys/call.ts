/** System calls of the tests, through libc: paths are bytes, and a failure has the name of the errno. */
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

/** Passed as a path or as the name of an xattr: an address without mapped memory. No path contains a NUL. */
export const FAULT = '\0fault';
/** An address at which no memory is mapped. */
export const UNMAPPED = 8;

export function cPath(path: string): number {
  return path === FAULT ? UNMAPPED : memoryOfPath(path);
}

export function cPath2(path: string): number {
  return path === FAULT ? UNMAPPED : memoryOfSecondPath(path);
}

const recent: Memory[] = [];
let next = 0;

/**
 * Memory for the arguments of a call. The last 16 pieces are kept, so that a piece outlives the call even if
 * nothing refers to it any more.
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

/** A system call of a test that failed. Unlike the errors of plyfs, it has a stack. */
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

/** Receives each call: its name, its result (`'ok'` or the name of an errno), and its path or descriptor. */
export type Observer = (syscall: string, result: string, what: string | number) => void;
let observer: Observer | null = null;

/** Runs `body` and reports to `each` every system call that is made through this folder. */
export function observeCalls<T>(each: Observer, body: () => T): T {
  const before = observer;
  observer = each;
  try {
    return body();
  } finally {
    observer = before;
  }
}

/** Returns `result`, or throws the errno if it is negative. Must directly follow the call. */
export function check<T extends number | bigint>(result: T, syscall: string, what: string | number): T {
  if (result >= 0) {
    observer?.(syscall, 'ok', what);
    return result;
  }
  throw failed(lastErrno(), syscall, what);
}

/**
 * As {@link check}, for calls that return an errno instead of setting it (posix_spawn(3), posix_fadvise(2)).
 */
export function checkReturned(errno: number, syscall: string, what: string | number): void {
  if (errno !== 0) throw failed(errno, syscall, what);
  observer?.(syscall, 'ok', what);
}

function failed(errno: number, syscall: string, what: string | number): SysError {
  const code = codeOf(errno);
  observer?.(syscall, code, what);
  return new SysError(code, syscall, String(what));
}

/** Returns the name of the errno that `body` failed with, or `'ok'`. Throws any other exception again. */
export function outcome(body: () => unknown): string {
  try {
    body();
    return 'ok';
  } catch (error) {
    if (error instanceof SysError) return error.code;
    throw error;
  }
}
