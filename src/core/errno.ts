/**
 * Linux errno values, and the error by which a file system operation returns one.
 *
 * A function throws {@link FsError} for each errno that it does not expect. Expected absence (a name that
 * does not exist, an xattr that is not set) is a result, not an error. Only a transport
 * (fuse/serve/dispatch.ts, fuse/libfuse2/requests.ts) converts an error to a number for the kernel.
 */

/** Errno values by name (asm-generic/errno-base.h, asm-generic/errno.h). */
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
  ECONNREFUSED: 111,
  ESTALE: 116,
  EDQUOT: 122,
} as const;

export type ErrnoName = keyof typeof Errno;

const NAMES = new Map<number, string>(Object.entries(Errno).map(([name, value]) => [value, name]));

/** `28` → `"ENOSPC"`; an errno without a name here → `"errno 99"`. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `errno ${errno}`;
}

/** The error of a system call that failed, or of a request that plyfs itself refuses. */
export class FsError extends Error {
  override readonly name = 'FsError';

  /**
   * @param errno positive errno value
   * @param reason the system call that failed, or the rule that refused the request
   * @param path for messages; undefined while a request is served, because the dispatcher knows the node
   */
  constructor(
    readonly errno: number,
    readonly reason: string,
    readonly path?: string,
  ) {
    super(`${errnoName(errno)}: ${reason}${path === undefined ? '' : ` ${path}`}`);
  }
}

const preallocated = new Map<string, FsError[]>();

/**
 * Returns the shared error for `errno` with `reason`, which has no stack trace. In normal work requests often
 * fail (ENOENT, EEXIST, ENOTEMPTY), and capturing a stack takes longer than the system call.
 */
export function fsError(errno: number, reason: string): FsError {
  let byReason = preallocated.get(reason);
  if (byReason === undefined) {
    byReason = [];
    preallocated.set(reason, byReason);
  }
  let error = byReason[errno];
  if (error === undefined) {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    error = new FsError(errno, reason);
    Error.stackTraceLimit = limit;
    byReason[errno] = error;
  }
  return error;
}

/** Whether `error` is an {@link FsError} with one of these errnos. */
export function isErrno(error: unknown, ...names: ErrnoName[]): error is FsError {
  return error instanceof FsError && names.some((name) => Errno[name] === error.errno);
}
