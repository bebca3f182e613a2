/** The place of a new layer. */
import { realpathSync } from 'node:fs';
import type { EntryName } from '../../core/brand.js';
import { Errno, FsError } from '../../core/errno.js';
import { isDirectory } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { O_DIRECTORY, O_PATH, O_RDONLY } from '../../core/flags.js';
import { close, openAt, openDirectoryAt, openTrusted } from '../../sys/files/open.js';
import { readDirectory } from '../../sys/files/read-directory.js';
import { statAt, statFd } from '../../sys/files/stat.js';
import { identityOf, identityOfOpen } from '../object-identity.js';
import { StoreError } from '../store-error.js';

/** The beginning of a staging name. */
const PREFIX = '.plyfs-convert.';
/** How many bytes of the final name the staging name has: with the prefix it must fit into 255 bytes. */
const NAME_PART = 200;

/**
 * The place of a new directory: a free name, or the name of an empty directory. Owns the fd of the parent.
 */
export class Destination {
  /** The name of the directory while it is written. */
  readonly stagingName: EntryName;

  private constructor(
    /** The fd of the parent directory. */
    readonly parent: number,
    readonly name: EntryName,
    /** The path from the command line, as bytes. */
    readonly path: string,
    private readonly parentPath: string,
  ) {
    this.stagingName = (PREFIX + name.slice(0, NAME_PART)) as EntryName;
  }

  /** The path of the staging directory, for messages. */
  get stagingPath(): string {
    return `${this.parentPath}${this.parentPath.endsWith('/') ? '' : '/'}${this.stagingName}`;
  }

  /**
   * Opens the parent directory, and checks that the place is free.
   * @param path bytes; a symlink to an empty directory is followed
   * @throws StoreError if no directory can be made there; nothing has been changed
   */
  static open(path: string): Destination {
    const { parent, name } = splitPath(path);
    const destination = new Destination(openParent(parent, path), name as EntryName, path, parent);
    try {
      destination.requireFree(path);
      return destination;
    } catch (error) {
      destination.close();
      throw error;
    }
  }

  /** Throws StoreError unless the place is free. */
  private requireFree(path: string): void {
    const stat = new FileStat();
    if (!statAt(this.parent, this.name, stat)) return;
    if (!isDirectory(stat.mode)) throw refused(path, 'exists, and is not a directory', Errno.EEXIST);
    const parent = new FileStat();
    statFd(this.parent, parent);
    if (stat.devMajor !== parent.devMajor || stat.devMinor !== parent.devMinor) {
      throw refused(path, 'is a mountpoint; name a directory inside it', Errno.EBUSY);
    }
    if (!isEmpty(this.parent, this.name)) throw refused(path, 'exists, and is not empty', Errno.ENOTEMPTY);
  }

  /** Whether this place is the directory of that identity, or is inside it. Null: neither. */
  relationTo(identity: string): 'same' | 'inside' | null {
    const stat = new FileStat();
    if (statAt(this.parent, this.name, stat) && identityOf(stat) === identity) return 'same';
    return isBelow(openDirectoryAt(this.parent, '.'), identity) ? 'inside' : null;
  }

  /**
   * Whether the directory `fd` is the staging directory, or is inside it: then it would be removed as the
   * remains of another conversion. Closes `fd`.
   */
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

/** Whether the directory `fd`, or one above it, has this identity. Closes `fd`. */
function isBelow(fd: number, identity: string): boolean {
  let above: number;
  try {
    if (identityOfOpen(fd) === identity) return true;
    // O_PATH: the user may have no read permission for a directory above.
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

/** Splits `path` into the path of the parent directory and the name in it. */
function splitPath(path: string): { parent: string; name: string } {
  const whole = resolved(path) ?? path;
  const [, parent = '', name = ''] = /^(.*?)([^/]*)\/*$/s.exec(whole) ?? [];
  if (name === '' || name === '.' || name === '..') throw refused(path, 'does not end with a name for the directory');
  return { parent: parent === '' ? '.' : parent, name };
}

/** Resolves all symlinks of `path`. Undefined: it does not exist. */
function resolved(path: string): string | undefined {
  try {
    return realpathSync.native(Buffer.from(path, 'latin1'), 'latin1');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Opens the parent directory. */
function openParent(parent: string, path: string): number {
  try {
    return openTrusted(parent, O_RDONLY | O_DIRECTORY);
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
    throw new StoreError({
      what: 'DST',
      where: path,
      why: 'its parent directory cannot be opened',
      errno: error.errno,
    });
  }
}

/** Whether a directory has no entries. */
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
