/** The system calls of a server that take a path, from the output of strace(1). */
import { threadTraces } from '../../../harness/machine/strace.js';

export interface TracedCall {
  readonly name: string;
  /** The decoded strings of the call. */
  readonly strings: readonly string[];
  /** The text outside of the strings. */
  readonly rest: string;
}

/** Options of strace for {@link readTrace}, in addition to those of `threadTraceOptions`. */
export const STRACE = ['-qq', '-xx', '-s', '9000', '-e', 'trace=%file,open_by_handle_at,name_to_handle_at'];

const STRING = /"((?:\\x[0-9a-f]{2})*)"(?:\.\.\.)?/g;

/**
 * Returns the calls of all threads. The calls of each thread are in order.
 * @param from as in {@link threadTraces}
 */
export function readTrace(file: string, from: ReadonlyMap<string, number>): TracedCall[] {
  return threadTraces(file, from).flatMap((line) => {
    const name = /^(\w+)\(/.exec(line)?.[1];
    if (name === undefined) return [];
    const strings = [...line.matchAll(STRING)].map(([, hex]) =>
      Buffer.from((hex ?? '').replaceAll('\\x', ''), 'hex').toString('latin1'),
    );
    return [{ name, strings, rest: line.replace(STRING, '""') }];
  });
}

/** A descriptor of this process, and a name below it. */
const OWN_FD = /^\/proc\/self\/fd\/\d+$/;
const BELOW_OWN_FD = /^\/proc\/self\/fd\/\d+\/[^/]+$/;
/** Files that the server reads about callers, about its own process, and about the machine. */
const PROC = /^\/proc\/((\d+|self)\/(status|ns\/user|limits|uid_map|mountinfo|stat|maps|task)|loadavg)$/;

/** Whether `path` is one name in an open directory: not a path up, out or further. */
function isComponent(path: string | undefined): boolean {
  return path !== undefined && path !== '..' && !path.includes('/');
}

const startsWithFd = (rest: string): boolean => /\(\d+/.test(rest);
const noFollow = (rest: string): boolean => /O_NOFOLLOW|AT_SYMLINK_NOFOLLOW|AT_EMPTY_PATH/.test(rest);

const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
/**
 * Calls that an old strace shows as numbers, with the argument that has the flags. Their names are not
 * visible.
 */
const NEWER: Readonly<Record<string, number>> = {
  syscall_0x1c4: 3, // fchmodat2
  syscall_0x1cf: 2, // setxattrat
  syscall_0x1d0: 2, // getxattrat
  syscall_0x1d1: 2, // listxattrat
  syscall_0x1d2: 2, // removexattrat
};

function argument(rest: string, index: number): number {
  return Number(/\((.*)\)/.exec(rest)?.[1]?.split(', ')[index]);
}

/**
 * Whether a call is confined: it names one component of an open directory and follows no symlink, or it uses
 * the object of a descriptor. Each descriptor was opened by such a call, beginning with the layers' roots, so
 * that all are in the layers.
 */
export function isConfined({ name, strings, rest }: TracedCall): boolean {
  const [path = '', other = ''] = strings;
  const unnamed = NEWER[name];
  if (unnamed !== undefined) return (argument(rest, unnamed) & (AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) !== 0;
  switch (name) {
    case 'openat':
      if (OWN_FD.test(path) || PROC.test(path)) return true;
      return startsWithFd(rest) && isComponent(path) && noFollow(rest);
    case 'openat2':
      return startsWithFd(rest) && /RESOLVE_BENEATH/.test(rest) && /RESOLVE_NO_SYMLINKS/.test(rest);
    case 'newfstatat':
      // On the object of the descriptor itself.
      if (strings.length === 1 && path === '') return startsWithFd(rest);
      return startsWithFd(rest) && isComponent(path) && noFollow(rest);
    case 'statx':
    case 'fchmodat2':
    case 'fchownat':
      return startsWithFd(rest) && isComponent(path) && noFollow(rest);
    case 'fchmodat':
      return OWN_FD.test(path);
    case 'utimensat':
      return startsWithFd(rest) && (strings.length === 0 || (isComponent(path) && noFollow(rest)));
    case 'mkdirat':
    case 'mknodat':
    case 'unlinkat':
    case 'readlinkat':
      return startsWithFd(rest) && isComponent(path);
    case 'symlinkat':
      return isComponent(other) && /"", \d+, ""/.test(rest);
    case 'renameat': // libc's renameat2 without flags
    case 'renameat2':
      return startsWithFd(rest) && isComponent(path) && isComponent(other);
    case 'linkat':
      if (!isComponent(other)) return false;
      if (/AT_SYMLINK_FOLLOW/.test(rest)) return OWN_FD.test(path);
      return startsWithFd(rest) && isComponent(path);
    case 'name_to_handle_at':
      return startsWithFd(rest) && isComponent(path) && !/AT_SYMLINK_FOLLOW/.test(rest);
    case 'lgetxattr':
    case 'lsetxattr':
    case 'llistxattr':
    case 'lremovexattr':
      return BELOW_OWN_FD.test(path);
    case 'getxattr':
    case 'setxattr':
    case 'listxattr':
    case 'removexattr':
      return OWN_FD.test(path);
    case 'readlink':
      return PROC.test(path);
    default:
      return false;
  }
}
