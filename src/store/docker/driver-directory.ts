/**
 * The directory in which one of Docker's storage drivers keeps its layers: read, never written, no symlink
 * followed in it.
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

/** A layer has 128 others below it at most, each named in less than 100 bytes. */
const MAX_TEXT = 1 << 20;

export class DriverDirectory {
  private constructor(
    /** Bytes. */
    readonly path: string,
    private readonly fd: number,
  ) {}

  /** null: there is no such directory. Symlinks in `path` are followed: it is what a person gave. */
  static open(path: string): DriverDirectory | null {
    try {
      return new DriverDirectory(path, openTrusted(path, O_PATH | O_DIRECTORY));
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR')) return null;
      throw error;
    }
  }

  /** Where `name` (of one or more components) lies, for those who open it by its path. */
  pathOf(name: string): string {
    return `${this.path}/${name}`;
  }

  hasDirectory(name: string): boolean {
    return this.look(name, isDirectory, () => true) ?? false;
  }

  /**
   * The content of a small file; null: nothing has this name.
   * @throws StoreError if something else has it, or too much is in it
   */
  text(name: string): string | null {
    const refuse = (why: string): StoreError => new StoreError({ what: 'docker', where: this.pathOf(name), why });
    const isThere = this.look(
      name,
      () => true,
      () => true,
    );
    if (isThere === null) return null;
    const text = this.look(name, isRegular, () => this.read(name));
    if (text === null) throw refuse('is not a regular file');
    if (text.length > MAX_TEXT) throw refuse(`is larger than ${MAX_TEXT} bytes`);
    if (text.includes('\0')) throw refuse('has a NUL byte in it');
    return text;
  }

  /** One byte more than {@link MAX_TEXT} at most. */
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

  /** The target of a symlink; null: there is no such symlink. */
  link(name: string): string | null {
    return this.look(name, isSymlink, (fd) => readlinkAt(fd, ''));
  }

  /** The names in a directory. */
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

  /** Calls `body` with an O_PATH fd of `name` if that is there and of the wanted type. */
  private look<T>(name: string, isWanted: (mode: number) => boolean, body: (fd: number) => T): T | null {
    let fd: number;
    try {
      fd = openBeneath(this.fd, name, O_PATH);
    } catch (error) {
      // ELOOP, EXDEV: through a symlink, or out of the directory; nothing of the driver's lies there.
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
