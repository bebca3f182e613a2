/**
 * A directory that is written beside its final place and moved there when it is complete, so that the place has all of
 * it or nothing. It is named after the place and locked while somebody writes it: what a killed process has left is
 * known by the missing lock, and removed by the next one that writes to the same place.
 */
import { realpathSync } from 'node:fs';
import type { EntryName } from '../core/brand.js';
import { Errno, FsError, isErrno } from '../core/errno.js';
import { isDirectory } from '../core/file-mode.js';
import { FileStat } from '../core/file-stat.js';
import { O_DIRECTORY, O_RDONLY } from '../core/flags.js';
import { sync } from '../sys/file-io.js';
import { mkdirAt, renameAt } from '../sys/inode-ops.js';
import { tryLock } from '../sys/lock.js';
import { close, openDirectoryAt, openTrusted } from '../sys/open.js';
import { readDirectory } from '../sys/read-directory.js';
import { statAt, statFd } from '../sys/stat.js';
import { removeXattr } from '../sys/xattr.js';
import { removeTree } from '../whiteout/work-directory.js';
import { identityOf, identityOfOpen } from './identity.js';
import { StoreError } from './store-error.js';

const PREFIX = '.plyfs-convert.';
/** Leaves room for the prefix in a name of 255 bytes. */
const NAME_PART = 200;

/** A place for a new directory: a free name, or that of an empty directory. */
export class Destination {
  private constructor(
    /** fd of the directory that will have it. */
    readonly parent: number,
    readonly name: EntryName,
  ) {}

  /**
   * @param path bytes; a symlink to an empty directory is followed
   * @throws StoreError if there cannot be one; nothing has been changed
   */
  static open(path: string): Destination {
    const { parent, name } = placeOf(path);
    const destination = new Destination(openParent(parent, path), name as EntryName);
    try {
      destination.requireFree(path);
      return destination;
    } catch (error) {
      destination.close();
      throw error;
    }
  }

  private requireFree(path: string): void {
    const stat = new FileStat();
    if (!statAt(this.parent, this.name, stat)) return;
    if (!isDirectory(stat.mode)) throw refused(path, 'is there already, and is no directory', Errno.EEXIST);
    const parent = new FileStat();
    statFd(this.parent, parent);
    if (stat.devMajor !== parent.devMajor || stat.devMinor !== parent.devMinor) {
      throw refused(path, 'is a mountpoint; name a directory inside it', Errno.EBUSY);
    }
    if (!isEmpty(this.parent, this.name)) throw refused(path, 'is there already, and is not empty', Errno.ENOTEMPTY);
  }

  /** How it lies to a directory of that identity; null: apart from it. */
  relationTo(identity: string): 'same' | 'inside' | null {
    const stat = new FileStat();
    if (statAt(this.parent, this.name, stat) && identityOf(stat) === identity) return 'same';
    return isBelow(openDirectoryAt(this.parent, '.'), identity) ? 'inside' : null;
  }

  close(): void {
    close(this.parent);
  }
}

/** Whether the directory `fd`, or one above it, is that of `identity`. Takes the fd. */
function isBelow(fd: number, identity: string): boolean {
  let above: number;
  try {
    if (identityOfOpen(fd) === identity) return true;
    above = openDirectoryAt(fd, '..');
    if (identityOfOpen(above) === identityOfOpen(fd)) {
      close(above);
      return false;
    }
  } finally {
    close(fd);
  }
  return isBelow(above, identity);
}

export class StagedDirectory {
  private constructor(
    private readonly destination: Destination,
    private readonly name: EntryName,
    /** fd of the directory: empty, of mode 0700, and locked for as long as it is open. */
    readonly fd: number,
  ) {}

  /** Removes what a killed process has left, and makes a new one. */
  static create(destination: Destination): StagedDirectory {
    const name = (PREFIX + destination.name.slice(0, NAME_PART)) as EntryName;
    removeLeftover(destination, name);
    mkdirAt(destination.parent, name, 0o700);
    const fd = openDirectoryAt(destination.parent, name);
    tryLock(fd);
    dropInheritedAcl(fd);
    return new StagedDirectory(destination, name, fd);
  }

  /** Gives it its place. `durable`: the name is on the disk afterwards. */
  publish(durable: boolean): void {
    const { parent, name } = this.destination;
    renameAt(parent, this.name, parent, name);
    if (durable) sync(parent);
    close(this.fd);
  }

  /** Removes it, with all that is in it. */
  abandon(): void {
    close(this.fd);
    removeTree(this.destination.parent, this.name, 0o040700);
  }
}

function removeLeftover({ parent, name: place }: Destination, name: EntryName): void {
  const stat = new FileStat();
  if (!statAt(parent, name, stat)) return;
  const fd = openDirectoryAt(parent, name);
  try {
    if (!tryLock(fd)) throw refused(place, 'another conversion is writing it', Errno.EBUSY);
    removeTree(parent, name, stat.mode);
  } finally {
    close(fd);
  }
}

/** A default ACL of the directory around it would come down to everything that is made in here. */
function dropInheritedAcl(fd: number): void {
  for (const acl of ['system.posix_acl_default', 'system.posix_acl_access']) {
    try {
      removeXattr(fd, '', acl);
    } catch (error) {
      // ENODATA: none was inherited; EOPNOTSUPP: a file system without ACLs.
      if (!isErrno(error, 'ENODATA', 'EOPNOTSUPP')) throw error;
    }
  }
}

/** The directory and the name in it that `path` stands for. */
function placeOf(path: string): { parent: string; name: string } {
  const whole = resolved(path) ?? path;
  const [, parent = '', name = ''] = /^(.*?)([^/]*)\/*$/s.exec(whole) ?? [];
  if (name === '' || name === '.' || name === '..') throw refused(path, 'has no name that a directory could get');
  return { parent: parent === '' ? '.' : parent, name };
}

/** Without symlinks; undefined when there is nothing of that name. */
function resolved(path: string): string | undefined {
  try {
    return realpathSync.native(Buffer.from(path, 'latin1'), 'latin1');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function openParent(parent: string, path: string): number {
  try {
    return openTrusted(parent, O_RDONLY | O_DIRECTORY);
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
    throw new StoreError({
      what: 'DST',
      where: path,
      why: 'the directory around it cannot be opened',
      errno: error.errno,
    });
  }
}

function isEmpty(dirfd: number, name: string): boolean {
  const fd = openDirectoryAt(dirfd, name);
  let empty = true;
  try {
    readDirectory(fd, () => {
      empty = false;
    });
  } finally {
    close(fd);
  }
  return empty;
}

function refused(where: string, why: string, errno: number = Errno.EINVAL): StoreError {
  return new StoreError({ what: 'DST', where, why, errno });
}
