/**
 * unshare(1): programs in namespaces of their own. A process with threads, as every Node is, cannot make
 * itself a user namespace.
 */
import { accessSync, constants, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Arguments of unshare(1), and whose files there can be. */
export interface UserNamespace {
  readonly args: readonly string[];
  /** Users besides our own are there: from /etc/subuid, or all of them. */
  readonly hasOthers: boolean;
}

/**
 * Root needs no namespace of users. Any other user is root inside, with the further users that /etc/subuid
 * grants (man subuid(5)).
 */
export function userNamespace(): UserNamespace {
  if (process.geteuid?.() === 0) return { args: [], hasOthers: true };
  if (!hasSubordinates()) return { args: ['--user', '--map-root-user'], hasOthers: false };
  return { args: ['--user', '--map-root-user', '--map-auto'], hasOthers: true };
}

function hasSubordinates(): boolean {
  return isInPath('newuidmap') && isInPath('newgidmap') && isListed('/etc/subuid') && isListed('/etc/subgid');
}

function isInPath(program: string): boolean {
  const { PATH = '' } = process.env;
  return PATH.split(':').some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      // ENOENT, EACCES, ENOTDIR: not to be run from there.
      return false;
    }
  });
}

/** By name or by number. */
function isListed(file: string): boolean {
  const uid = process.geteuid?.();
  try {
    const name = new RegExp(`^([^:]+):[^:]*:${uid}:`, 'm').exec(readFileSync('/etc/passwd', 'utf8'))?.[1];
    return readFileSync(file, 'utf8')
      .split('\n')
      .some((line) => line.startsWith(`${uid}:`) || (name !== undefined && line.startsWith(`${name}:`)));
  } catch {
    // Without these files nobody has any.
    return false;
  }
}
