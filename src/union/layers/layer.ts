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
 * would walk into its own mount and wait for itself. The clone is read-only and opens no devices (since Linux
 * 5.12), so that a bug of plyfs cannot write to the layer.
 */
function openLower(path: string): LayerRoot {
  let isReadOnly = false;
  let isClone = false;
  const fd = openTreeRoot(path, (tree) => {
    isClone = true;
    isReadOnly = trySetReadOnly(tree) === 0;
  });
  const flags = isReadOnly ? 0 : O_NOATIME;
  return { fd, fileFlags: flags, directoryFlags: flags, hidesMounts: isClone };
}

/** The open root of a layer. */
export interface LayerRoot {
  readonly fd: number;
  /**
   * O_NOATIME if reading must not update access times and the layer's mount does not prevent that, else 0.
   */
  readonly fileFlags: number;
  readonly directoryFlags: number;
  /** Mounts inside the layer are not visible in it. */
  readonly hidesMounts?: boolean;
}

/** How to open a layer. */
export interface LayerOptions {
  /** How many layers of the union are above it. */
  readonly depth: number;
  readonly isUpper: boolean;
  readonly reader: LayerReader;
  /** Decides whether the layer with this open root keeps its attributes in xattrs. */
  overridesOf(root: number, stat: FileStat): StatOverrides | null;
  /** Opens the layer's root; absent: as a lower layer. */
  open?(path: string): LayerRoot;
}

/** The device and mount of a layer's root. */
type RootPlace = Pick<FileStat, 'devMajor' | 'devMinor' | 'mount'>;

/** One directory tree of the union. The server never writes to a lower layer. */
export class Layer {
  /** How many layers of the union are above it. */
  readonly depth: number;
  readonly isUpper: boolean;
  /** The layer's root; its fd remains open until {@link close}. */
  readonly root: RealDirectory;
  /** Flags for opening its files and its directories for reading; see {@link LayerRoot}. */
  readonly fileFlags: number;
  readonly directoryFlags: number;
  /** Whether mounts inside the layer are visible in it. */
  readonly showsMounts: boolean;
  /** The device of the root. The inode numbers of directory entries belong to it. */
  readonly devMajor: number;
  readonly devMinor: number;
  /** The mount of the root. An object on another mount belongs to a mount inside the layer. */
  readonly mount: number;
  /**
   * The kernel has refused a backing file of this layer: its file system is stacked too deep for passthrough.
   */
  refusesBacking = false;

  private constructor(
    readonly path: string,
    { depth, isUpper }: LayerOptions,
    readonly reader: LayerReader,
    /** The attributes that the layer keeps in xattrs; null: its objects have all attributes themselves. */
    readonly overrides: StatOverrides | null,
    opened: LayerRoot,
    { devMajor, devMinor, mount }: RootPlace,
  ) {
    this.depth = depth;
    this.isUpper = isUpper;
    this.devMajor = devMajor;
    this.devMinor = devMinor;
    this.mount = mount;
    this.root = new RealDirectory(this, null, '' as EntryName);
    this.root.fd = opened.fd;
    this.root.isPinned = true;
    this.showsMounts = opened.hidesMounts !== true;
    this.fileFlags = opened.fileFlags;
    this.directoryFlags = opened.directoryFlags;
  }

  /**
   * Opens a layer.
   * @param path bytes, decoded as latin1; relative to the working directory, symlinks are followed
   * @throws FsError with `path` if the layer cannot be opened
   */
  static open(path: string, options: LayerOptions): Layer {
    let fd = -1;
    try {
      const opened = options.open?.(path) ?? openLower(path);
      fd = opened.fd;
      const stat = new FileStat();
      statFd(fd, stat);
      const overrides = options.overridesOf(fd, stat);
      const reader = overrides === null ? options.reader : new OverridingReader(options.reader, overrides);
      return new Layer(path, options, reader, overrides, opened, stat);
    } catch (error) {
      if (fd >= 0) close(fd);
      if (error instanceof FsError) throw new FsError(error.errno, error.reason, path);
      throw error;
    }
  }

  close(): void {
    close(this.root.fd);
  }
}

/**
 * A directory of one layer. It stores a parent and a name, not an open fd, because there can be more
 * directories than fds. {@link DirectoryFds} opens it on demand. When an upper directory is renamed, its
 * `RealDirectory` gets another parent and name.
 */
export class RealDirectory implements DirectoryMemory {
  hidden: DirectoryMemory['hidden'];
  misses = 0;
  /** The open fd, or -1. `DirectoryFds` owns it, except for that of a layer's root. */
  fd = -1;
  /** The fd must remain open: of a layer's root, or of a removed directory that cannot be opened again. */
  isPinned = false;

  constructor(
    readonly layer: Layer,
    public parent: RealDirectory | null,
    public name: EntryName,
  ) {}

  /** The path from the layer's root. */
  get path(): LayerPath {
    const names: EntryName[] = [];
    for (let dir: RealDirectory = this; dir.parent !== null; dir = dir.parent) names.push(dir.name);
    return names.reverse().join('/') as LayerPath;
  }
}
