import { isDirectory, S_IRWXU, S_IWUSR } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { chmodAt, chmodFd } from '../files/inode-ops.js';
import { chmodObject, type ObjectRef, statObject } from '../files/object-ref.js';
import { CAP_DAC_OVERRIDE, hasCapability } from './capabilities.js';

/** With this capability every directory can be moved; in a user namespace, those of mapped owners. */
const privileged = hasCapability(CAP_DAC_OVERRIDE);

/** Whether the permissions of a directory can prevent the server from working in it. */
export const canLackPermission = !privileged;

/**
 * Moving a directory to another parent rewrites its `..`, which needs write permission on the directory
 * itself (man rename(2), EACCES); to empty it afterwards takes the other two. Whether an ordinary user's
 * directory of this mode has to be given them first.
 */
function needsPermission(mode: number): boolean {
  return !privileged && isDirectory(mode) && (mode & S_IRWXU) !== S_IRWXU;
}

/**
 * Runs `use`, which lists the directory `dirfd` of this mode or adds a name to it, with all permissions for
 * that moment.
 */
export function withWriteInto<T>(dirfd: number, mode: number, use: () => T): T {
  if (!needsPermission(mode)) return use();
  chmodFd(dirfd, (mode & 0o7777) | S_IRWXU);
  try {
    return use();
  } finally {
    chmodFd(dirfd, mode & 0o7777);
  }
}

/**
 * Runs `use`, which opens and empties the directory `name` of `dirfd`, with all permissions on it for that
 * moment.
 */
export function withWriteToEmpty<T>(dirfd: number, name: string, mode: number, use: () => T): T {
  if (!needsPermission(mode)) return use();
  chmodAt(dirfd, name, (mode & 0o7777) | S_IRWXU);
  try {
    return use();
  } finally {
    chmodAt(dirfd, name, mode & 0o7777);
  }
}

/**
 * Runs `use`, which sets or removes a `user.` xattr of `name` under `dirfd`, or of `dirfd` itself for `''`.
 * That needs write permission (man xattr(7)), which the object gets for that moment: for a private mark the
 * caller needs no permission.
 */
export function withWriteOn<T>(dirfd: number, name: string, use: () => T): T {
  return withPermissions(dirfd, name, S_IWUSR, use);
}

/** Runs `use`, which reads the directory `name` of `dirfd`, with all permissions on it for that moment. */
export function withAllOn<T>(dirfd: number, name: string, use: () => T): T {
  return withPermissions(dirfd, name, S_IRWXU, use);
}

function withPermissions<T>(dirfd: number, name: string, needed: number, use: () => T): T {
  if (privileged) return use();
  const object = { dirfd, name };
  const stat = new FileStat();
  statObject(object, stat);
  const { mode } = stat;
  if ((mode & needed) === needed) return use();
  chmodObject(object, (mode & 0o7777) | needed);
  try {
    return use();
  } finally {
    chmodObject(object, mode & 0o7777);
  }
}

/**
 * Runs `move`, which moves `name` of `dirfd` to another directory, with write permission on it for that
 * moment.
 */
export function withWriteToMove(dirfd: number, name: string, mode: number, move: () => void): void {
  if (!needsPermission(mode)) {
    move();
    return;
  }
  chmodAt(dirfd, name, (mode & 0o7777) | S_IRWXU);
  try {
    move();
  } catch (error) {
    chmodAt(dirfd, name, mode & 0o7777);
    throw error;
  }
}

/** As {@link withWriteToMove}, for an object that keeps its mode at the place that it is moved to. */
export function moveKeepingMode(from: ObjectRef, to: ObjectRef, mode: number, move: () => void): void {
  withWriteToMove(from.dirfd, from.name, mode, move);
  if (needsPermission(mode)) chmodAt(to.dirfd, to.name, mode & 0o7777);
}
