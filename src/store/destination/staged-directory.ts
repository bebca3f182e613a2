/**
 * A directory that is written beside its final place, and moved there when it is complete. So the place has
 * all of it or nothing. The staging name is made from the final name. The process that writes the directory
 * holds a lock on it. If the process is killed, the lock is released; the next conversion to the same place
 * takes the lock and removes the remains.
 */
import type { EntryName } from '../../core/brand.js';
import { Errno, FsError, fsError, isErrno } from '../../core/errno.js';
import { isDirectory, S_IRUSR, S_IXUSR } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { sync } from '../../sys/files/file-io.js';
import { dropInheritedAcl } from '../../sys/files/inherited-acl.js';
import { chmodFd, mkdirAt, renameAt, rmdirAt } from '../../sys/files/inode-ops.js';
import { close, openOnSameMount } from '../../sys/files/open.js';
import { statAt, statFd } from '../../sys/files/stat.js';
import { tryLock } from '../../sys/locks/lock.js';
import { identityOf, identityOfOpen } from '../object-identity.js';
import { StoreError } from '../store-error.js';
import { type Destination, isEmpty } from './destination.js';
import { checkRemovable, openForChanges, removeContents } from './remove-tree.js';

/** The permissions that the owner needs to list a directory and open its entries. */
const OWNER_LISTS = S_IRUSR | S_IXUSR;
/** How often another process may replace the object that has the staging name, before this one gives up. */
const ATTEMPTS = 100;

/**
 * The directory while it is written. It ends by {@link StagedDirectory.publish} or
 * {@link StagedDirectory.abandon}.
 */
export class StagedDirectory {
  private constructor(
    private readonly destination: Destination,
    /** The fd of the directory: empty, of mode 0700, and locked while it is open. */
    readonly fd: number,
  ) {}

  /**
   * Makes the directory. If a killed process has left one, removes that first and tries again.
   * @param protectedId the identity of a directory that must not be removed
   * @throws StoreError if the object of the staging name is locked, or cannot or must not be removed
   */
  static create(destination: Destination, protectedId: string | null): StagedDirectory {
    const { parent, stagingName } = destination;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const made = tryMake(parent, stagingName);
      const fd = tryOpenStaging(destination);
      if (fd === null) continue;
      try {
        if (!tryLock(fd)) throw occupied(destination);
        // The lock excludes other processes only if the staging name still leads to this directory.
        if (leadsTo(destination, fd)) {
          // If it is not empty, another process has replaced the directory that was made here, and was
          // killed.
          if (made && isEmpty(fd, '.')) {
            prepare(fd);
            return new StagedDirectory(destination, fd);
          }
          removeLeftover(destination, fd, protectedId);
        }
      } catch (error) {
        close(fd);
        throw error;
      }
      close(fd);
    }
    throw occupied(destination);
  }

  /** Moves it to its final place. `durable`: writes the new name to the disk. */
  publish({ durable }: { durable: boolean }): void {
    const { parent, name, stagingName } = this.destination;
    if (!leadsTo(this.destination, this.fd)) throw fsError(Errno.ESTALE, 'renameat2');
    renameAt(parent, stagingName, parent, name);
    if (durable) sync(parent);
    close(this.fd);
  }

  /** Removes it with its contents, unless it has been moved to its final place. */
  abandon(): void {
    const { parent, stagingName } = this.destination;
    try {
      if (!leadsTo(this.destination, this.fd)) return;
      removeContents(this.fd);
      rmdirAt(parent, stagingName);
    } finally {
      close(this.fd);
    }
  }
}

/** Makes a directory. False: the name exists. */
function tryMake(parent: number, name: EntryName): boolean {
  try {
    mkdirAt(parent, name, 0o700);
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  }
}

/** Opens the directory of the staging name. Null: it has been removed meanwhile. */
function tryOpenStaging(destination: Destination): number | null {
  let fd: number;
  try {
    fd = openOnSameMount(destination.parent, destination.stagingName);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    if (isErrno(error, 'EXDEV')) throw inTheWay(destination, 'is a mountpoint', Errno.EBUSY);
    throw error;
  }
  try {
    const stat = new FileStat();
    statFd(fd, stat);
    if (!isDirectory(stat.mode)) throw inTheWay(destination, 'is not a directory', Errno.ENOTDIR);
    // The mode of a readable directory is not changed: another process may be about to publish it, with the
    // final mode.
    return openForChanges(fd, (stat.mode & OWNER_LISTS) === OWNER_LISTS ? 0o700 : stat.mode);
  } finally {
    close(fd);
  }
}

/** Whether the staging name leads to the open directory `fd`. */
function leadsTo({ parent, stagingName }: Destination, fd: number): boolean {
  const stat = new FileStat();
  return statAt(parent, stagingName, stat) && identityOf(stat) === identityOfOpen(fd);
}

/** Gives the new directory its mode, and no ACL of its parent directory. */
function prepare(fd: number): void {
  dropInheritedAcl(fd);
  // The umask may have removed permissions.
  chmodFd(fd, 0o700);
}

/** Removes the directory. The caller holds the lock on it. */
function removeLeftover(destination: Destination, fd: number, protectedId: string | null): void {
  try {
    checkRemovable(fd, protectedId);
    removeContents(fd);
    rmdirAt(destination.parent, destination.stagingName);
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
    const at = error.path === undefined || error.path === '' ? '' : `/${error.path}`;
    throw inTheWay(destination, `cannot be removed: ${error.reason}`, error.errno, at);
  }
}

/** The refusal while another process holds the lock, or replaces the directory again and again. */
function occupied({ path }: Destination): StoreError {
  return new StoreError({ what: 'DST', where: path, why: 'another conversion is writing it', errno: Errno.EBUSY });
}

/** The refusal of an object that has the staging name and cannot be removed. */
function inTheWay({ stagingPath }: Destination, why: string, errno: number, at = ''): StoreError {
  const advice = 'the new layer would be written under this name; remove it, or choose another DST';
  return new StoreError({ what: 'convert', where: `${stagingPath}${at}`, why, errno, advice });
}
