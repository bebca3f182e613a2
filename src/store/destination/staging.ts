/**
 * A directory that is written beside its final place and moved there when it is complete, so that the place
 * has all of it or nothing. It is named after the place and locked while somebody writes it: what a killed
 * process has left is known by the missing lock, and removed by the next one that writes to the same place.
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
import { identityOf, identityOfOpen } from '../identity.js';
import { StoreError } from '../store-error.js';
import { type Destination, isEmpty } from './destination.js';
import { checkRemovable, openForChanges, removeContents } from './remove-tree.js';

/** What its owner needs to look into a directory. */
const OWNER_LOOKS = S_IRUSR | S_IXUSR;
/** How often a name may lead to something new between two system calls before we call it occupied. */
const ATTEMPTS = 100;

export class StagedDirectory {
  private constructor(
    private readonly destination: Destination,
    /** fd of the directory: empty, of mode 0700, and locked for as long as it is open. */
    readonly fd: number,
  ) {}

  /**
   * Removes what a killed process has left, and makes a new one.
   * @param kept identity of a directory that must not be removed
   * @throws StoreError if what has the name is locked, or must not or cannot be removed
   */
  static create(destination: Destination, kept: string | null): StagedDirectory {
    const { parent, stagingName } = destination;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const made = tryMake(parent, stagingName);
      const fd = tryOpenStaging(destination);
      if (fd === null) continue;
      try {
        if (!tryLock(fd)) throw occupied(destination);
        // The lock is of use only if those who come later find the same directory under the name.
        if (leadsTo(destination, fd)) {
          // Not empty: another one has replaced what we made, and was killed.
          if (made && isEmpty(fd, '.')) return new StagedDirectory(destination, prepared(fd));
          removeLeftover(destination, fd, kept);
        }
      } catch (error) {
        close(fd);
        throw error;
      }
      close(fd);
    }
    throw occupied(destination);
  }

  /** Gives it its place. `durable`: the name is on the disk afterwards. */
  publish(durable: boolean): void {
    const { parent, name, stagingName } = this.destination;
    if (!leadsTo(this.destination, this.fd)) throw fsError(Errno.ESTALE, 'renameat2');
    renameAt(parent, stagingName, parent, name);
    if (durable) sync(parent);
    close(this.fd);
  }

  /** Removes it, with all that is in it, unless it has its place already. */
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

/** False: something has the name. */
function tryMake(parent: number, name: EntryName): boolean {
  try {
    mkdirAt(parent, name, 0o700);
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  }
}

/** null: nothing has the name any more. */
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
    if (!isDirectory(stat.mode)) throw inTheWay(destination, 'is no directory', Errno.ENOTDIR);
    // Readable ones are opened as they are: somebody who is about to give one its place has given it its mode
    // already.
    return openForChanges(fd, (stat.mode & OWNER_LOOKS) === OWNER_LOOKS ? 0o700 : stat.mode);
  } finally {
    close(fd);
  }
}

function leadsTo({ parent, stagingName }: Destination, fd: number): boolean {
  const stat = new FileStat();
  return statAt(parent, stagingName, stat) && identityOf(stat) === identityOfOpen(fd);
}

function prepared(fd: number): number {
  dropInheritedAcl(fd);
  // The umask may have taken something away.
  chmodFd(fd, 0o700);
  return fd;
}

/** Removes the directory, on which the caller holds the lock. */
function removeLeftover(destination: Destination, fd: number, kept: string | null): void {
  try {
    checkRemovable(fd, kept);
    removeContents(fd);
    rmdirAt(destination.parent, destination.stagingName);
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
    const at = error.path === undefined || error.path === '' ? '' : `/${error.path}`;
    throw inTheWay(destination, `cannot be removed: ${error.syscall}`, error.errno, at);
  }
}

function occupied({ path }: Destination): StoreError {
  return new StoreError({ what: 'DST', where: path, why: 'another conversion is writing it', errno: Errno.EBUSY });
}

function inTheWay({ stagingPath }: Destination, why: string, errno: number, at = ''): StoreError {
  const advice = 'the new layer would be written under this name; remove it, or choose another DST';
  return new StoreError({ what: 'convert', where: `${stagingPath}${at}`, why, errno, advice });
}
