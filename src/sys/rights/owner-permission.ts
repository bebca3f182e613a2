import { isDirectory, S_IRWXU, S_IWUSR } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { chmodAt } from '../files/inode-ops.js';
import { chmodObject, type ObjectRef, statObject } from '../files/object-ref.js';
import { CAP_DAC_OVERRIDE, hasCapability } from './capabilities.js';

/** With this capability a process can move any directory; in a user namespace, those of mapped owners. */
const privileged = hasCapability(CAP_DAC_OVERRIDE);

/** Whether the permissions of a directory can prevent the server from working in it. */
export const canLackPermission = !privileged;

/**
 * Whether the owner of an object with this mode needs more permissions to move it, empty it or work in it. A
 * move to another parent rewrites the `..` of a directory, which requires write permission on the directory
 * itself (man rename(2), EACCES). Listing requires read permission, and each name in it search permission.
 */
function needsPermission(mode: number): boolean {
  return !privileged && isDirectory(mode) && (mode & S_IRWXU) !== S_IRWXU;
}

/**
 * Runs `use`, which lists the directory `dirfd` or adds a name to it, with all permissions for the moment.
 */
export function withPermissionsIn<T>(dirfd: number, mode: number, use: () => T): T {
  return needsPermission(mode) ? withMode({ dirfd, name: '' }, mode, S_IRWXU, use) : use();
}

/**
 * Runs `use`, which opens and empties the directory `name` in `dirfd`, with all permissions for the moment.
 */
export function withPermissionsToEmpty<T>(dirfd: number, name: string, mode: number, use: () => T): T {
  return needsPermission(mode) ? withMode({ dirfd, name }, mode, S_IRWXU, use) : use();
}

/**
 * Runs `use`, which sets or removes a `user.` xattr of `name` in `dirfd`, or of `dirfd` itself if `name` is
 * `''`. This requires write permission (man xattr(7)), which the object gets for the moment, because a caller
 * needs no permission for a private mark.
 */
export function withWritePermission<T>(dirfd: number, name: string, use: () => T): T {
  return withPermissions(dirfd, name, S_IWUSR, use);
}

/** Runs `use`, which reads the directory `name` in `dirfd`, with all permissions for the moment. */
export function withAllPermissions<T>(dirfd: number, name: string, use: () => T): T {
  return withPermissions(dirfd, name, S_IRWXU, use);
}

function withPermissions<T>(dirfd: number, name: string, needed: number, use: () => T): T {
  if (privileged) return use();
  const object = { dirfd, name };
  const stat = new FileStat();
  statObject(object, stat);
  const { mode } = stat;
  return (mode & needed) === needed ? use() : withMode(object, mode, needed, use);
}

/** Runs `use` while the object, which has `mode`, also has the permissions `needed`. */
function withMode<T>(object: ObjectRef, mode: number, needed: number, use: () => T): T {
  chmodObject(object, (mode & 0o7777) | needed);
  try {
    return use();
  } finally {
    chmodObject(object, mode & 0o7777);
  }
}

/**
 * Runs `move`, which moves the object `name` in `dirfd` to another directory, with all permissions on it.
 * They are removed again only if `move` fails.
 */
export function withPermissionsToMove(dirfd: number, name: string, mode: number, move: () => void): void {
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

/** As {@link withPermissionsToMove}, and restores the mode of the object at its new place. */
export function moveKeepingMode(from: ObjectRef, to: ObjectRef, mode: number, move: () => void): void {
  withPermissionsToMove(from.dirfd, from.name, mode, move);
  if (needsPermission(mode)) chmodAt(to.dirfd, to.name, mode & 0o7777);
}
