/** Where a new layer shall be. */
import { realpathSync } from 'node:fs';
import type { EntryName } from '../../core/brand.js';
import { Errno, FsError } from '../../core/errno.js';
import { isDirectory } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { O_DIRECTORY, O_PATH, O_RDONLY } from '../../core/flags.js';
import { close, openAt, openDirectoryAt, openTrusted } from '../../sys/files/open.js';
import { readDirectory } from '../../sys/files/read-directory.js';
import { statAt, statFd } from '../../sys/files/stat.js';
import { identityOf, identityOfOpen } from '../identity.js';
import { StoreError } from '../store-error.js';

const PREFIX = '.plyfs-convert.';
/** Leaves room for the prefix in a name of 255 bytes. */
const NAME_PART = 200;

/** A place for a new directory: a free name, or that of an empty directory. */
export class Destination {
  /** What the directory is called while it is written. */
  readonly stagingName: EntryName;

  private constructor(
    /** fd of the directory that will have it. */
    readonly parent: number,
    readonly name: EntryName,
    /** As it was given, bytes. */
    readonly path: string,
    private readonly parentPath: string,
  ) {
    this.stagingName = (PREFIX + name.slice(0, NAME_PART)) as EntryName;
  }

  get stagingPath(): string {
    return `${this.parentPath}${this.parentPath.endsWith('/') ? '' : '/'}${this.stagingName}`;
  }

  /**
   * @param path bytes; a symlink to an empty directory is followed
   * @throws StoreError if there cannot be one; nothing has been changed
   */
  static open(path: string): Destination {
    const { parent, name } = placeOf(path);
    const destination = new Destination(openParent(parent, path), name as EntryName, path, parent);
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

  /** Whether the directory `fd` is, or lies in, the one that would be removed as a leftover. Takes the fd. */
  wouldRemove(fd: number): boolean {
    const stat = new FileStat();
    if (statAt(this.parent, this.stagingName, stat)) return isBelow(fd, identityOf(stat));
    close(fd);
    return false;
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
    // O_PATH: a directory above may be closed to who asks.
    above = openAt(fd, '..', O_PATH | O_DIRECTORY);
    if (identityOfOpen(above) === identityOfOpen(fd)) {
      close(above);
      return false;
    }
  } finally {
    close(fd);
  }
  return isBelow(above, identity);
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

export function isEmpty(dirfd: number, name: string): boolean {
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
