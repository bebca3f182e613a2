import type { EntryName, LayerPath } from '../../core/brand.js';
import { FsError } from '../../core/errno.js';
import { FileStat } from '../../core/file-stat.js';
import { O_NOATIME } from '../../core/flags.js';
import { close, openTreeRoot } from '../../sys/files/open.js';
import { statFd } from '../../sys/files/stat.js';
import { trySetReadOnly } from '../../sys/mount.js';
import type { DirectoryMemory, LayerReader } from '../../whiteout/dialect.js';
import { OverridingReader } from '../../whiteout/overrides/overriding-reader.js';
import type { StatOverrides } from '../../whiteout/overrides/stat-overrides.js';

/**
 * Opens a lower layer through a private clone of its mount, if the kernel permits that. The clone does not
 * show mounts inside the layer. So the mountpoint can be inside a layer (`lowerdir=/`): otherwise the server
 * would walk into its own mount and wait for itself. The clone is read-only and opens no devices, which also
 * limits bugs of ours (not before Linux 5.12).
 */
function openLower(path: string): LayerRoot {
  let isQuiet = false;
  let isAlone = false;
  const fd = openTreeRoot(path, (tree) => {
    isAlone = true;
    isQuiet = trySetReadOnly(tree) === 0;
  });
  const flags = isQuiet ? 0 : O_NOATIME;
  return { fd, fileFlags: flags, directoryFlags: flags, isAlone };
}

/** A layer as it was opened. */
export interface LayerRoot {
  readonly fd: number;
  /**
   * O_NOATIME if reading must not update access times and the layer's mount does not prevent that, else 0.
   */
  readonly fileFlags: number;
  readonly directoryFlags: number;
  /** Mounts inside of the layer do not show in it. */
  readonly isAlone?: boolean;
}

/** One directory tree of the union. A lower layer is never written to. */
export class Layer {
  /** The layer's root; its fd stays open until {@link close}. */
  readonly root: RealDirectory;
  /** Flags for opening its files and its directories for reading; see {@link LayerRoot}. */
  readonly fileFlags: number;
  readonly directoryFlags: number;
  /** Mounts inside of the layer show in it. */
  readonly mayHoldMounts: boolean;
  /** A backing file on this layer was refused: its file system is stacked too deep for passthrough. */
  refusesBacking = false;

  private constructor(
    readonly path: string,
    /** How many layers of the union lie above it. */
    readonly depth: number,
    readonly isUpper: boolean,
    readonly reader: LayerReader,
    /** null: objects have their attributes themselves. */
    readonly overrides: StatOverrides | null,
    opened: LayerRoot,
    /** Device of the root: what a directory entry's inode number belongs to. */
    readonly devMajor: number,
    readonly devMinor: number,
    /**
     * The mount of the root. An object with another mount is on something that is mounted inside of the
     * layer.
     */
    readonly mount: number,
  ) {
    this.root = new RealDirectory(this, null, '' as EntryName);
    this.root.fd = opened.fd;
    this.root.pinned = true;
    this.mayHoldMounts = opened.isAlone !== true;
    this.fileFlags = opened.fileFlags;
    this.directoryFlags = opened.directoryFlags;
  }

  /**
   * @param path bytes, latin1-decoded; relative to the working directory, symlinks followed
   * @param place where in the union the layer is
   * @param overridesOf whether the layer with this open root keeps its attributes in xattrs
   * @param open opens the layer's root
   */
  static open(
    path: string,
    { depth, isUpper }: { readonly depth: number; readonly isUpper: boolean },
    reader: LayerReader,
    overridesOf: (root: number, stat: FileStat) => StatOverrides | null,
    open = openLower,
  ): Layer {
    let fd = -1;
    try {
      const opened = open(path);
      fd = opened.fd;
      const stat = new FileStat();
      statFd(fd, stat);
      const overrides = overridesOf(fd, stat);
      const reading = overrides === null ? reader : new OverridingReader(reader, overrides);
      return new Layer(path, depth, isUpper, reading, overrides, opened, stat.devMajor, stat.devMinor, stat.mount);
    } catch (error) {
      if (fd >= 0) close(fd);
      if (error instanceof FsError) throw new FsError(error.errno, error.syscall, path);
      throw error;
    }
  }

  close(): void {
    close(this.root.fd);
  }
}

/**
 * A directory of one layer, known by its place rather than by an open fd: there can be more directories than
 * fds. {@link DirectoryFds} opens it on demand. An upper directory that is renamed keeps its object and
 * changes its place.
 */
export class RealDirectory implements DirectoryMemory {
  hidden: DirectoryMemory['hidden'];
  misses = 0;
  /** Open fd, or -1. Owned by `DirectoryFds`, but for a layer's root. */
  fd = -1;
  /** The fd must stay: a layer's root, or a removed directory that cannot be opened again. */
  pinned = false;

  constructor(
    readonly layer: Layer,
    public parent: RealDirectory | null,
    public name: EntryName,
  ) {}

  /** Path from the layer's root. */
  get path(): LayerPath {
    const names: EntryName[] = [];
    for (let dir: RealDirectory = this; dir.parent !== null; dir = dir.parent) names.push(dir.name);
    return names.reverse().join('/') as LayerPath;
  }
}
