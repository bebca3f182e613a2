import type { EntryName } from '../../core/brand.js';
import { Errno, FsError, fsError } from '../../core/errno.js';
import { isRegular } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { O_PATH, O_RDONLY } from '../../core/flags.js';
import { close, openBeneath, reopen } from '../../sys/files/open.js';
import { statFd } from '../../sys/files/stat.js';
import type { Layer, RealDirectory } from '../layers/layer.js';

const scratch = new FileStat();

/** What tells a file from another one that has taken its place. */
type Found = Pick<FileStat, 'ino' | 'devMajor' | 'devMinor' | 'blocks'>;

/**
 * The data of a metacopy, that is of a file of which its own layer has the attributes only: one file of a
 * lower layer, which nothing changes.
 */
export class FileData {
  private constructor(
    /** From the layer's root, without a leading `/`. */
    private readonly path: string,
    /** The layers that can have it: the first one that has it counts. One of them once it is found. */
    private layers: readonly Layer[],
    /** null: it has not been looked for yet. */
    private found: Found | null,
  ) {}

  static at(home: RealDirectory, name: EntryName, stat: FileStat): FileData {
    const dir = home.path;
    return new FileData(dir === '' ? name : `${dir}/${name}`, [home.layer], factsOf(stat));
  }

  /**
   * In one of the data-only layers; looked for when it is opened. @param path from the root, beginning with
   * `/`
   */
  static somewhereIn(layers: readonly Layer[], path: string): FileData {
    return new FileData(path.slice(1), layers, null);
  }

  /** The layer that has it; null before it was found. */
  get layer(): Layer | null {
    return this.found === null ? null : (this.layers[0] as Layer);
  }

  /**
   * The blocks to show for a file of this data; guessed by its size before the data was looked for, as the
   * kernel does.
   */
  blocksFor(stat: FileStat): number {
    return this.found?.blocks ?? Math.ceil(stat.size / stat.blksize) * (stat.blksize / 512);
  }

  /** A new fd for reading. ENOENT, or what else keeps it from being opened, as the last layer says it. */
  open(): number {
    let failure = fsError(Errno.ENOENT, 'metacopy');
    for (const layer of this.layers) {
      try {
        return this.openIn(layer);
      } catch (error) {
        // Whatever is wrong in one of these layers, the next may have it
        // (fs/overlayfs/namei.c:ovl_lookup_data_layers).
        if (!(error instanceof FsError)) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  private openIn(layer: Layer): number {
    const path = openBeneath(layer.root.fd, this.path, O_PATH);
    try {
      // Before it is opened, which could wait for the other end of a fifo.
      statFd(path, scratch);
      if (this.found !== null && !isSame(scratch, this.found)) throw fsError(Errno.ESTALE, 'metacopy');
      if (!isRegular(scratch.mode)) throw fsError(Errno.ENOENT, 'metacopy');
      const found = factsOf(scratch);
      const fd = reopen(path, O_RDONLY | layer.fileFlags);
      this.layers = [layer];
      this.found = found;
      return fd;
    } finally {
      close(path);
    }
  }
}

function factsOf({ ino, devMajor, devMinor, blocks }: FileStat): Found {
  return { ino, devMajor, devMinor, blocks };
}

function isSame(stat: FileStat, { ino, devMajor, devMinor }: Found): boolean {
  return stat.ino === ino && stat.devMajor === devMajor && stat.devMinor === devMinor;
}
