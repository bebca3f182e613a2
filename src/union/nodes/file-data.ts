import type { EntryName } from '../../core/brand.js';
import { Errno, FsError, fsError } from '../../core/errno.js';
import { isRegular } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { O_PATH, O_RDONLY } from '../../core/flags.js';
import { close, openBeneath, reopen } from '../../sys/files/open.js';
import { statFd } from '../../sys/files/stat.js';
import type { Layer, RealDirectory } from '../layers/layer.js';

const scratch = new FileStat();

/** Distinguishes a file from another one that has replaced it. */
type Found = Pick<FileStat, 'ino' | 'devMajor' | 'devMinor' | 'blocks'>;

/**
 * The data of a metacopy: a file whose own layer has only the attributes. The data is in one file of a lower
 * layer, which does not change.
 */
export class FileData {
  private constructor(
    /** From the layer's root, without a leading `/`. */
    private readonly path: string,
    /** The layers to look in, in this order. After the data was found, only the layer that has it. */
    private layers: readonly Layer[],
    /** null: the data was not looked for yet. */
    private found: Found | null,
  ) {}

  static at(home: RealDirectory, name: EntryName, stat: FileStat): FileData {
    const dir = home.path;
    return new FileData(dir === '' ? name : `${dir}/${name}`, [home.layer], factsOf(stat));
  }

  /**
   * Data in one of the data-only layers. It is looked for when it is opened.
   * @param path from the layer's root, beginning with `/`
   */
  static somewhereIn(layers: readonly Layer[], path: string): FileData {
    return new FileData(path.slice(1), layers, null);
  }

  /** The layer that has the data; null before it was found. */
  get layer(): Layer | null {
    return this.found === null ? null : (this.layers[0] as Layer);
  }

  /**
   * The number of blocks to show for a file with this data. Before the data was looked for, it is computed
   * from the size, as in the kernel.
   */
  blocksFor(stat: FileStat): number {
    return this.found?.blocks ?? Math.ceil(stat.size / stat.blksize) * (stat.blksize / 512);
  }

  /**
   * Opens the data for reading; the caller owns the fd.
   * @throws FsError ENOENT if no layer has the data, or the error of the last layer that was tried
   */
  open(): number {
    let failure = fsError(Errno.ENOENT, 'metacopy');
    for (const layer of this.layers) {
      try {
        return this.openIn(layer);
      } catch (error) {
        // The next layer can have the data, whatever the error in this one is
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
      // The type is checked before the file is opened, because opening a fifo waits for its other end.
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
