/**
 * Linux errno values and the one error type that carries them.
 *
 * A function that meets an errno it was not told to expect throws {@link FsError}; expected absence (a name
 * that is not there, an xattr that is not set) is a value of the function's result instead. Only the
 * transport's dispatcher turns a throwable back into a number for the kernel.
 */

/** The errno values plyfs names (asm-generic/errno-base.h, asm-generic/errno.h). */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  E2BIG: 7,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  ENOTTY: 25,
  ETXTBSY: 26,
  EFBIG: 27,
  ENOSPC: 28,
  ESPIPE: 29,
  EROFS: 30,
  EMLINK: 31,
  EPIPE: 32,
  ERANGE: 34,
  ENAMETOOLONG: 36,
  ENOLCK: 37,
  ENOSYS: 38,
  ENOTEMPTY: 39,
  ELOOP: 40,
  ENODATA: 61,
  EPROTO: 71,
  EOVERFLOW: 75,
  EILSEQ: 84,
  EOPNOTSUPP: 95,
  ECONNABORTED: 103,
  ENOTCONN: 107,
  ETIMEDOUT: 110,
  ESTALE: 116,
  EDQUOT: 122,
} as const;

export type ErrnoName = keyof typeof Errno;

const NAMES = new Map<number, string>(Object.entries(Errno).map(([name, value]) => [value, name]));

/** `28` → `"ENOSPC"`; an errno without a name here → `"errno 99"`. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `errno ${errno}`;
}

/** A system call that failed, or a condition plyfs answers with an errno of its own. */
export class FsError extends Error {
  override readonly name = 'FsError';

  /**
   * @param errno positive errno value
   * @param syscall what failed: a system call's name, or the rule that refused
   * @param path where, for people; absent on the request path, where the dispatcher knows the node
   */
  constructor(
    readonly errno: number,
    readonly syscall: string,
    readonly path?: string,
  ) {
    super(`${errnoName(errno)}: ${syscall}${path === undefined ? '' : ` ${path}`}`);
  }
}

const preallocated = new Map<string, FsError[]>();

/**
 * The shared, stackless error for `errno` from `syscall`. Requests fail all the time in normal work (ENOENT,
 * EEXIST, ENOTEMPTY): capturing a stack for each would cost more than the system call did.
 */
export function fsError(errno: number, syscall: string): FsError {
  let bySyscall = preallocated.get(syscall);
  if (bySyscall === undefined) {
    bySyscall = [];
    preallocated.set(syscall, bySyscall);
  }
  let error = bySyscall[errno];
  if (error === undefined) {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    error = new FsError(errno, syscall);
    Error.stackTraceLimit = limit;
    bySyscall[errno] = error;
  }
  return error;
}

/** Whether `error` is an {@link FsError} with one of these errnos. */
export function isErrno(error: unknown, ...names: ErrnoName[]): error is FsError {
  return error instanceof FsError && names.some((name) => Errno[name] === error.errno);
}
