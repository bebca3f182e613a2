/** The error of a refused mount: one line with the reason, and with advice for the user. */
import { getSystemErrorMap } from 'node:util';
import { displayName, toBytesName } from '../../core/entry-name.js';
import { errnoName, FsError } from '../../core/errno.js';
import { LayerRefusal } from '../../core/layer-refusal.js';
import { HelperError } from '../../fuse/mount/mount-request.js';

/** The parts of a message about a refused mount. */
export interface Refusal {
  /** The option or the step: `lowerdir`, `mountpoint`, `mount`. */
  readonly what: string;
  /** The path or value concerned, as bytes. */
  readonly where?: string;
  /** Absent: the description of the errno. */
  readonly why?: string;
  readonly errno?: number;
  /** How the user can avoid the error. */
  readonly advice?: string;
}

/** Thrown when a mount or an unmount is refused; `message` reads `what: where: why (ERRNO); advice`. */
export class MountError extends Error {
  override readonly name = 'MountError';
  /** A positive errno. Undefined: neither a system call nor a rule of the kernel is the reason. */
  readonly errno: number | undefined;
  /** The errno's name, as in errors of Node. */
  readonly code: string | undefined;

  constructor(message: string, errno?: number) {
    super(message);
    this.errno = errno;
    this.code = errno === undefined ? undefined : errnoName(errno);
  }

  static of(refusal: Refusal): MountError {
    return new MountError(messageOf(refusal), refusal.errno);
  }
}

/** The message of a refusal. */
function messageOf({ what, where, why, errno, advice }: Refusal): string {
  const parts = [what];
  if (where !== undefined) parts.push(where === '' ? "''" : shortened(printable(where)));
  const reason = why === undefined ? errnoText(errno) : shortened(oneLine(why));
  parts.push(errno === undefined ? reason : `${reason} (${errnoName(errno)})`);
  return parts.join(': ') + (advice === undefined ? '' : `; ${oneLine(advice)}`);
}

/** Converts bytes to one line of text: a name may contain line ends and other control characters. */
export function printable(bytes: string): string {
  return oneLine(displayName(bytes));
}

/** The longest part of a message, in characters. */
const MAX_SHOWN = 2048;

/** Cuts out the middle of a text that is too long for a line of a log. */
function shortened(text: string): string {
  if (text.length <= MAX_SHOWN) return text;
  return `${text.slice(0, MAX_SHOWN / 2)}...${text.slice(-MAX_SHOWN / 2)}`;
}

/**
 * Escapes control characters. Names from layers are a part of messages, and must not control a terminal or
 * forge lines of a log.
 */
export function oneLine(text: string): string {
  return text.replace(/\p{Cc}/gu, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** `2` → `"no such file or directory"`. */
function errnoText(errno: number | undefined): string {
  if (errno === undefined) return 'refused';
  return getSystemErrorMap().get(-errno)?.[1] ?? errnoName(errno);
}

/** The errno of an error of Node's fs functions or of plyfs. Undefined for any other throwable. */
export function errnoOf(error: unknown): number | undefined {
  if (error instanceof FsError) return error.errno;
  if (error instanceof Error && 'errno' in error && typeof error.errno === 'number') return Math.abs(error.errno);
  return undefined;
}

/** The properties of an error that Node throws for a failed system call. Undefined: it is another error. */
function systemError(error: unknown): { syscall: string; path?: string; errno: number } | undefined {
  if (!(error instanceof Error && 'errno' in error && 'syscall' in error)) return undefined;
  const { errno, syscall } = error;
  if (typeof errno !== 'number' || typeof syscall !== 'string') return undefined;
  const path = 'path' in error && typeof error.path === 'string' ? error.path : undefined;
  return { syscall, ...(path === undefined ? {} : { path }), errno };
}

/**
 * Converts any throwable to the refusal of the step `what`. A throwable without an errno is a bug: it is kept
 * in `cause`, with its stack.
 */
export function asMountError(error: unknown, what: string): MountError {
  if (error instanceof MountError) return error;
  if (error instanceof LayerRefusal) {
    const { path, errno, advice, why } = error;
    return MountError.of({ what: error.what, where: path, why, errno, advice });
  }
  if (error instanceof FsError) {
    const at = error.path === undefined ? {} : { where: error.path };
    return MountError.of({ what: `${what}: ${error.reason}`, ...at, errno: error.errno });
  }
  const system = systemError(error);
  if (system !== undefined) {
    const { syscall, path, errno } = system;
    const at = path === undefined ? {} : { where: toBytesName(path) };
    return MountError.of({ what: `${what}: ${syscall}`, ...at, errno: Math.abs(errno) });
  }
  if (error instanceof HelperError) return MountError.of({ what, why: error.message });
  const refused = MountError.of({ what, why: error instanceof Error ? error.message : String(error) });
  refused.cause = error;
  return refused;
}
