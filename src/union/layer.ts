import type { EntryName } from '../core/brand.js';
import { FsError } from '../core/errno.js';
import { FileStat } from '../core/file-stat.js';
import { O_DIRECTORY, O_RDONLY } from '../core/flags.js';
import { close, openTrusted } from '../sys/open.js';
import { statFd } from '../sys/stat.js';
import { RealDirectory } from './real-directory.js';

/** One directory tree of the union. A lower layer is never written to. */
export class Layer {
  /** The layer's root; its fd stays open until {@link close}. */
  readonly root: RealDirectory;
  /** A backing file on this layer was refused: its file system is stacked too deep for passthrough. */
  refusesBacking = false;

  private constructor(
    readonly path: string,
    readonly isUpper: boolean,
    fd: number,
    /** Device of the root: what a directory entry's inode number belongs to. */
    readonly devMajor: number,
    readonly devMinor: number,
  ) {
    this.root = new RealDirectory(this, null, '' as EntryName);
    this.root.fd = fd;
    this.root.pinned = true;
  }

  /** @param path bytes, latin1-decoded; relative to the working directory, symlinks followed */
  static open(path: string, isUpper: boolean): Layer {
    try {
      const fd = openTrusted(path, O_RDONLY | O_DIRECTORY);
      const stat = new FileStat();
      statFd(fd, stat);
      return new Layer(path, isUpper, fd, stat.devMajor, stat.devMinor);
    } catch (error) {
      if (error instanceof FsError) throw new FsError(error.errno, error.syscall, path);
      throw error;
    }
  }

  close(): void {
    close(this.root.fd);
  }
}
