/**
 * Removing what a conversion has written: a tree of any depth, on one mount, with directories that its owner
 * may not write to. Two fds are open at a time and nothing recurses.
 */
import type { EntryName } from '../../core/brand.js';
import { Errno, FsError, isErrno } from '../../core/errno.js';
import { isDirectory, S_IRWXU } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { chmodFd, rmdirAt, unlinkAt } from '../../sys/files/inode-ops.js';
import { close, openDirectoryAt, openOnSameMount } from '../../sys/files/open.js';
import { readDirectory } from '../../sys/files/read-directory.js';
import { statFd } from '../../sys/files/stat.js';
import { identityOf, identityOfOpen } from '../identity.js';

/** A directory on the way down. */
interface Level {
  readonly name: EntryName;
  readonly identity: string;
  /** What of it is still to be visited. */
  readonly names: EntryName[];
}

interface Visitor {
  /** Before what is in it; `identity` as of {@link identityOf}. */
  enter(identity: string): void;
  /** Anything but a directory. */
  object(dirfd: number, name: EntryName): void;
  /** After what was in it. */
  leave(dirfd: number, name: EntryName): void;
}

/**
 * @param root fd of the directory, the caller's
 * @throws FsError with the path from `root`: EXDEV for a mountpoint, EBUSY for a directory of the identity
 * `kept`
 */
export function checkRemovable(root: number, kept: string | null): void {
  walk(root, {
    enter: (identity) => {
      if (identity === kept) throw new FsError(Errno.EBUSY, 'SRC is in it');
    },
    object: () => {},
    leave: () => {},
  });
}

/** Removes what is in the open directory. */
export function removeContents(root: number): void {
  const stat = new FileStat();
  statFd(root, stat);
  if ((stat.mode & S_IRWXU) !== S_IRWXU) chmodFd(root, (stat.mode & 0o7777) | S_IRWXU);
  walk(root, { enter: () => {}, object: unlinkAt, leave: rmdirAt });
}

function walk(root: number, visitor: Visitor): void {
  let current = openDirectoryAt(root, '.');
  const levels: Level[] = [];
  const enter = (name: EntryName): void => {
    levels.push({ name, identity: identityOfOpen(current), names: namesIn(current) });
  };
  try {
    enter('.' as EntryName);
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      const name = level.names.pop();
      if (name === undefined) {
        levels.pop();
        const above = levels.at(-1);
        if (above === undefined) return;
        current = replaced(current, openParent(current, above.identity));
        visitor.leave(current, level.name);
        continue;
      }
      const child = openChild(current, name, visitor);
      if (child === null) {
        visitor.object(current, name);
        continue;
      }
      current = replaced(current, child);
      enter(name);
    }
  } catch (error) {
    throw located(error, levels);
  } finally {
    close(current);
  }
}

function replaced(old: number, fd: number): number {
  close(old);
  return fd;
}

/** The directory above, which must be the one that we came from: another would be somebody else's. */
function openParent(fd: number, identity: string): number {
  const above = openDirectoryAt(fd, '..');
  if (identityOfOpen(above) === identity) return above;
  close(above);
  throw new FsError(Errno.ESTALE, 'moved by somebody else');
}

/** null: it is no directory. */
function openChild(dirfd: number, name: EntryName, visitor: Visitor): number | null {
  const fd = onSameMount(dirfd, name);
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

function onSameMount(dirfd: number, name: EntryName): number {
  try {
    return openOnSameMount(dirfd, name);
  } catch (error) {
    throw isErrno(error, 'EXDEV') ? new FsError(Errno.EXDEV, 'something is mounted there', name) : error;
  }
}

/** Opens the directory of an O_PATH fd for reading; its owner may change it then. */
export function openForChanges(fd: number, mode: number): number {
  if ((mode & S_IRWXU) !== S_IRWXU) chmodFd(fd, (mode & 0o7777) | S_IRWXU);
  return openDirectoryAt(fd, '.');
}

function namesIn(fd: number): EntryName[] {
  const names: EntryName[] = [];
  readDirectory(fd, (name) => names.push(name));
  return names;
}

function located(error: unknown, levels: readonly Level[]): unknown {
  if (!(error instanceof FsError)) return error;
  const names = levels.slice(1).map(({ name }) => name);
  if (error.path !== undefined) names.push(error.path as EntryName);
  return new FsError(error.errno, error.syscall, names.join('/'));
}
