/** How the tests make a system call: by libc, on paths that are bytes, failing with the errno's name. */
import { constants } from 'node:os';
import { errnoName } from '../../../src/core/errno.js';
import { lastErrno, type Memory, allocate as newMemory } from '../../../src/sys/libc.js';

export { AT_FDCWD, bind, cPath, cPath2 } from '../../../src/sys/libc.js';

const recent: Memory[] = [];
let next = 0;

/** Memory for a call's arguments. It outlives the call even if nobody looks at it again: the last 16 are kept. */
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

/** Returns `result`, or throws the errno that made it negative. Must directly follow the call. */
export function check<T extends number | bigint>(result: T, syscall: string, what: string | number): T {
  if (result < 0) throw new SysError(codeOf(lastErrno()), syscall, String(what));
  return result;
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
