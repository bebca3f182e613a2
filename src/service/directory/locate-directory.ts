/** The path of the service's directory, which a service and its callers find by the same rule. */
import { join } from 'node:path';
import { Errno } from '../../core/errno.js';
import { MountError } from '../../server/config/mount-error.js';
import { readOwnProc } from '../../sys/proc.js';
import { readLink } from '../../sys/process/process-facts.js';

/** Overrides the place of the directories of services. */
const VARIABLE = 'PLYFS_SERVICE_DIR';
const ROOT_PLACE = '/run/plyfs';

/** The environment, as far as it names the directory. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A place that has one directory for each user namespace, and the directory for ours. */
export interface DirectoryPath {
  readonly place: string;
  readonly directory: string;
}

/**
 * The directory of the service for this user and user namespace.
 * @throws {@link MountError} if the environment names no place for it
 */
export function locateDirectory(environment: Environment = process.env): DirectoryPath {
  const place = placeIn(environment);
  const [, inode] = /^user:\[(\d+)\]$/.exec(readLink('/proc/self/ns/user') ?? '') ?? [];
  if (inode === undefined) {
    throw MountError.of({ what: 'serve', where: '/proc/self/ns/user', why: 'cannot be read', errno: Errno.ENOENT });
  }
  return { place, directory: join(place, inode) };
}

function placeIn({ [VARIABLE]: given = '', XDG_RUNTIME_DIR: runtime = '' }: Environment): string {
  if (given !== '') return given;
  if (process.geteuid?.() === 0 && isInitialUserNamespace()) return ROOT_PLACE;
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
