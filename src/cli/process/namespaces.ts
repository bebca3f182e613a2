/**
 * Arguments of unshare(1), which starts programs in namespaces of their own. Node cannot do it itself: a
 * process with several threads cannot create a user namespace for itself.
 */
import { accessSync, constants, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A user namespace: how to create it, and which users it has. */
interface UserNamespace {
  /** Arguments of unshare(1). */
  readonly args: readonly string[];
  /** Whether it has users besides the one of this process: those of /etc/subuid, or all users. */
  readonly hasOthers: boolean;
}

/**
 * The user namespace for `plyfs run`. Root needs none. Any other user becomes root inside, and gets the
 * further user ids that /etc/subuid grants (man subuid(5)).
 */
export function userNamespace(): UserNamespace {
  if (process.geteuid?.() === 0) return { args: [], hasOthers: true };
  if (!hasSubordinates()) return { args: ['--user', '--map-root-user'], hasOthers: false };
  return { args: ['--user', '--map-root-user', '--map-auto'], hasOthers: true };
}

/** Whether this user has subordinate ids, and the programs that map them. */
function hasSubordinates(): boolean {
  return isInPath('newuidmap') && isInPath('newgidmap') && isListed('/etc/subuid') && isListed('/etc/subgid');
}

/** Whether a program can be run by its name. */
function isInPath(program: string): boolean {
  const { PATH = '' } = process.env;
  return PATH.split(':').some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      // ENOENT, EACCES, ENOTDIR: it cannot be run from this directory.
      return false;
    }
  });
}

/** Whether `file` lists the user of this process, by name or by number. */
function isListed(file: string): boolean {
  const uid = process.geteuid?.();
  try {
    const name = new RegExp(`^([^:]+):[^:]*:${uid}:`, 'm').exec(readFileSync('/etc/passwd', 'utf8'))?.[1];
    return readFileSync(file, 'utf8')
      .split('\n')
      .some((line) => line.startsWith(`${uid}:`) || (name !== undefined && line.startsWith(`${name}:`)));
  } catch {
    // Without these files no user has subordinate ids.
    return false;
  }
}
