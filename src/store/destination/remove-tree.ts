/**
 * Removes a tree that a conversion has written. The tree can have any depth, and directories that even their
 * owner cannot write to. It must be on one mount. At most two fds are open at a time, and no function
 * recurses.
 *
 * The work directory of a mount is emptied by another algorithm (whiteout/work/work-directory.ts). That one
 * moves inner directories up, because it knows that all of them are its own. Here a user's directory can have
 * the name of the staging directory. So everything is checked before anything is removed, nothing is moved,
 * and an error names the object that cannot be removed.
 */
import type { EntryName } from '../../core/brand.js';
import { Errno, FsError, isErrno } from '../../core/errno.js';
import { isDirectory, S_IRWXU } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { chmodFd, rmdirAt, unlinkAt } from '../../sys/files/inode-ops.js';
import { close, openDirectoryAt, openOnSameMount } from '../../sys/files/open.js';
import { readDirectory } from '../../sys/files/read-directory.js';
import { statFd } from '../../sys/files/stat.js';
import { identityOf, identityOfOpen } from '../object-identity.js';

/** A directory between the root and the current directory. */
interface Level {
  readonly name: EntryName;
  readonly identity: string;
  /** The entries that have not been visited yet. */
  readonly names: EntryName[];
}

/** The calls that {@link walk} makes. */
interface Visitor {
  /** Called for a directory before its entries. @param identity as of {@link identityOf} */
  enter(identity: string): void;
  /** Called for every object that is not a directory. */
  object(dirfd: number, name: EntryName): void;
  /** Called for a directory after its entries. */
  leave(dirfd: number, name: EntryName): void;
}

/**
 * Checks that the contents of a directory can be removed.
 * @param root the directory's fd; the caller owns it
 * @param protectedId the identity of a directory that must not be removed
 * @throws FsError with the path from `root`: EXDEV for a mountpoint, EBUSY for the protected directory
 */
export function checkRemovable(root: number, protectedId: string | null): void {
  walk(root, {
    enter: (identity) => {
      if (identity === protectedId) throw new FsError(Errno.EBUSY, 'SRC is in it');
    },
    object: () => {},
    leave: () => {},
  });
}

/** Removes the contents of the open directory. */
export function removeContents(root: number): void {
  const stat = new FileStat();
  statFd(root, stat);
  if ((stat.mode & S_IRWXU) !== S_IRWXU) chmodFd(root, (stat.mode & 0o7777) | S_IRWXU);
  walk(root, { enter: () => {}, object: unlinkAt, leave: rmdirAt });
}

/**
 * Visits the contents of a directory. To go up, it opens `..` and compares the identity, because it keeps no
 * fd of the directories above.
 */
function walk(root: number, visitor: Visitor): void {
  let current = openDirectoryAt(root, '.');
  const levels: Level[] = [];
  const addLevel = (name: EntryName): void => {
    levels.push({ name, identity: identityOfOpen(current), names: namesIn(current) });
  };
  try {
    addLevel('.' as EntryName);
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      const name = level.names.pop();
      if (name === undefined) {
        levels.pop();
        const above = levels.at(-1);
        if (above === undefined) return;
        current = replaceFd(current, openParent(current, above.identity));
        visitor.leave(current, level.name);
        continue;
      }
      const child = openChild(current, name, visitor);
      if (child === null) {
        visitor.object(current, name);
        continue;
      }
      current = replaceFd(current, child);
      addLevel(name);
    }
  } catch (error) {
    throw withPath(error, levels);
  } finally {
    close(current);
  }
}

/** Closes `old`, and returns `fd`, which takes its place. */
function replaceFd(old: number, fd: number): number {
  close(old);
  return fd;
}

/**
 * Opens the directory above. It must have `identity`: otherwise another process has moved the directory `fd`.
 */
function openParent(fd: number, identity: string): number {
  const above = openDirectoryAt(fd, '..');
  if (identityOfOpen(above) === identity) return above;
  close(above);
  throw new FsError(Errno.ESTALE, 'moved by another process');
}

/**
 * Opens the directory `name`, which must be on the same mount, and calls `visitor.enter` before. Null: it is
 * no directory.
 */
function openChild(dirfd: number, name: EntryName, visitor: Visitor): number | null {
  const fd = openUnlessMountpoint(dirfd, name);
  try {
    const stat = new FileStat();
    statFd(fd, stat);
    if (!isDirectory(stat.mode)) return null;
    visitor.enter(identityOf(stat));
    return openForChanges(fd, stat.mode);
  } finally {
    close(fd);
  }
}

/** Opens `name` with O_PATH. EXDEV: a file system is mounted there. */
function openUnlessMountpoint(dirfd: number, name: EntryName): number {
  try {
    return openOnSameMount(dirfd, name);
  } catch (error) {
    throw isErrno(error, 'EXDEV') ? new FsError(Errno.EXDEV, 'something is mounted there', name) : error;
  }
}

/**
 * Opens the directory of an O_PATH fd for reading. First gives its owner all permissions.
 * @param mode the present mode of the directory
 */
export function openForChanges(fd: number, mode: number): number {
  if ((mode & S_IRWXU) !== S_IRWXU) chmodFd(fd, (mode & 0o7777) | S_IRWXU);
  return openDirectoryAt(fd, '.');
}

function namesIn(fd: number): EntryName[] {
  const names: EntryName[] = [];
  readDirectory(fd, (name) => names.push(name));
  return names;
}

/** Adds the path from the root to an error. */
function withPath(error: unknown, levels: readonly Level[]): unknown {
  if (!(error instanceof FsError)) return error;
  const names = levels.slice(1).map(({ name }) => name);
  if (error.path !== undefined) names.push(error.path as EntryName);
  return new FsError(error.errno, error.reason, names.join('/'));
}
