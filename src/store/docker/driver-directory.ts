/**
 * The directory in which one of Docker's storage drivers keeps its layers. It is only read, and no symlink in
 * it is followed.
 */
import type { EntryName } from '../../core/brand.js';
import { isErrno } from '../../core/errno.js';
import { isDirectory, isRegular, isSymlink } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { O_DIRECTORY, O_NONBLOCK, O_PATH, O_RDONLY } from '../../core/flags.js';
import { preadInto } from '../../sys/files/file-io.js';
import { readlinkAt } from '../../sys/files/inode-ops.js';
import { close, openBeneath, openTrusted } from '../../sys/files/open.js';
import { readDirectory } from '../../sys/files/read-directory.js';
import { statFd } from '../../sys/files/stat.js';
import { StoreError } from '../store-error.js';

/**
 * The largest text file. A layer has at most 128 layers below it, each with a name of less than 100 bytes.
 */
const MAX_TEXT = 1 << 20;

const isAny = (): boolean => true;

export class DriverDirectory {
  private constructor(
    /** Bytes. */
    readonly path: string,
    private readonly fd: number,
  ) {}

  /**
   * Opens `path`; symlinks in it are followed, because the user gave it. Null: there is no such directory.
   */
  static open(path: string): DriverDirectory | null {
    try {
      return new DriverDirectory(path, openTrusted(path, O_PATH | O_DIRECTORY));
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR')) return null;
      throw error;
    }
  }

  /** The path of `name`, which has one or more components. */
  pathOf(name: string): string {
    return `${this.path}/${name}`;
  }

  /** Whether `name` exists, as an object of any type. */
  has(name: string): boolean {
    return this.withObject(name, isAny, () => true) ?? false;
  }

  /** Whether `name` is a directory. */
  hasDirectory(name: string): boolean {
    return this.withObject(name, isDirectory, () => true) ?? false;
  }

  /**
   * The content of a small file. Null: the name does not exist.
   * @throws StoreError if it is not a regular file, or is too large
   */
  text(name: string): string | null {
    const refuse = (why: string): StoreError => new StoreError({ what: 'docker', where: this.pathOf(name), why });
    if (!this.has(name)) return null;
    const text = this.withObject(name, isRegular, () => this.read(name));
    if (text === null) throw refuse('is not a regular file');
    if (text.length > MAX_TEXT) throw refuse(`is larger than ${MAX_TEXT} bytes`);
    if (text.includes('\0')) throw refuse('contains a NUL byte');
    return text;
  }

  /** Reads at most one byte more than {@link MAX_TEXT}. */
  private read(name: string): string {
    const fd = openBeneath(this.fd, name, O_RDONLY | O_NONBLOCK);
    try {
      const buffer = Buffer.alloc(MAX_TEXT + 1);
      let size = 0;
      for (let got = -1; got !== 0 && size < buffer.length; size += got) {
        got = preadInto(fd, buffer, size, buffer.length - size, size);
      }
      return buffer.toString('latin1', 0, size);
    } finally {
      close(fd);
    }
  }

  /** The target of a symlink. Null: there is no such symlink. */
  link(name: string): string | null {
    return this.withObject(name, isSymlink, (fd) => readlinkAt(fd, ''));
  }

  /** The names of a directory's entries. */
  names(name: string): EntryName[] {
    const fd = openBeneath(this.fd, name, O_RDONLY | O_DIRECTORY);
    try {
      const names: EntryName[] = [];
      readDirectory(fd, (entry) => names.push(entry));
      return names;
    } finally {
      close(fd);
    }
  }

  close(): void {
    close(this.fd);
  }

  /** Calls `body` with an O_PATH fd of `name`. Null: `name` does not exist, or is not of the wanted type. */
  private withObject<T>(name: string, isWanted: (mode: number) => boolean, body: (fd: number) => T): T | null {
    let fd: number;
    try {
      fd = openBeneath(this.fd, name, O_PATH);
    } catch (error) {
      // ELOOP, EXDEV: the path has a symlink in it, or leads out of the directory. No object of the driver
      // has such a path.
      if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EXDEV', 'ENAMETOOLONG')) return null;
      throw error;
    }
    try {
      const stat = new FileStat();
      statFd(fd, stat);
      return isWanted(stat.mode) ? body(fd) : null;
    } finally {
      close(fd);
    }
  }
}
