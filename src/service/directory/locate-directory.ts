/** The path of the service's directory, which a service and its callers find by the same rule. */
import { join } from 'node:path';
import { Errno } from '../../core/errno.js';
import { MountError } from '../../server/config/mount-error.js';
import { readOwnProc } from '../../sys/proc.js';
import { readLink } from '../../sys/process/process-facts.js';

/** Overrides the base directory. */
const VARIABLE = 'PLYFS_SERVICE_DIR';
/** That of root. Each other user has one below `$XDG_RUNTIME_DIR`. */
const ROOT_BASE = '/run/plyfs';

/** The environment, as far as it names the directory. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The base directory has one directory for each user namespace, because one user can run a service in several
 * of them.
 */
export interface DirectoryPath {
  readonly base: string;
  /** The directory for the user namespace of this process. */
  readonly directory: string;
}

/**
 * The directory of the service for this user and user namespace.
 * @throws {@link MountError} if the environment names no base directory
 */
export function locateDirectory(environment: Environment = process.env): DirectoryPath {
  const base = baseIn(environment);
  const [, inode] = /^user:\[(\d+)\]$/.exec(readLink('/proc/self/ns/user') ?? '') ?? [];
  if (inode === undefined) {
    throw MountError.of({ what: 'serve', where: '/proc/self/ns/user', why: 'cannot be read', errno: Errno.ENOENT });
  }
  return { base, directory: join(base, inode) };
}

function baseIn({ [VARIABLE]: given = '', XDG_RUNTIME_DIR: runtime = '' }: Environment): string {
  if (given !== '') return given;
  if (process.geteuid?.() === 0 && isInitialUserNamespace()) return ROOT_BASE;
  if (runtime !== '') return join(runtime, 'plyfs');
  throw MountError.of({
    what: 'serve',
    where: 'XDG_RUNTIME_DIR',
    why: 'not set',
    advice: 'log in with a session of your own, or set it to a directory that only you can write to',
  });
}

/** Whether all user ids are mapped to themselves, as only in the initial user namespace. */
function isInitialUserNamespace(): boolean {
  return /^\s*0\s+0\s+4294967295\s*$/.test(readOwnProc('uid_map'));
}
