/** The directory in which one of Docker's storage drivers keeps its layers: read, never written, no symlink followed in it. */
import { readFileSync } from 'node:fs';
import type { EntryName } from '../core/brand.js';
import { isErrno } from '../core/errno.js';
import { isDirectory, isRegular, isSymlink } from '../core/file-mode.js';
import { FileStat } from '../core/file-stat.js';
import { O_DIRECTORY, O_NONBLOCK, O_PATH, O_RDONLY } from '../core/flags.js';
import { readlinkAt } from '../sys/inode-ops.js';
import { close, openBeneath, openTrusted } from '../sys/open.js';
import { readDirectory } from '../sys/read-directory.js';
import { statFd } from '../sys/stat.js';

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

  /** The content of a small file; null: there is no such file. */
  text(name: string): string | null {
    return this.look(name, isRegular, () => {
      const fd = openBeneath(this.fd, name, O_RDONLY | O_NONBLOCK);
      try {
        return readFileSync(fd, 'latin1');
      } finally {
        close(fd);
      }
    });
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
