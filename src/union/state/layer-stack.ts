/** The layers of one union and the on-disk format that they share. Fixed from mounting to unmounting. */
import type { CopyUpContext } from '../../copyup/context.js';
import type { EntryName } from '../../core/brand.js';
import { Errno, fsError } from '../../core/errno.js';
import { S_IFREG } from '../../core/file-mode.js';
import { statFs } from '../../sys/files/stat.js';
import type { Dialect, Hiding } from '../../whiteout/dialect.js';
import type { WorkDirectory } from '../../whiteout/work/work-directory.js';
import type { Layer } from '../layers/layer.js';
import type { UpperMount } from '../layers/upper-mount.js';
import type { HardLinkTable } from '../links/hard-link-table.js';
import type { OriginHandles } from '../links/origin-handles.js';

/** The upper layer, and the parts that only a union with an upper layer has. */
export interface Upper {
  /** Opens the upper and its work directory; its access times follow a remount. */
  readonly mount: UpperMount;
  readonly layer: Layer;
  /** The directory in which changes are staged. */
  readonly work: WorkDirectory;
  /** Creates and removes whiteouts and opaque marks. */
  readonly hiding: Hiding;
  /** How objects are copied up. */
  readonly copyUp: CopyUpContext;
  /** null: copies do not record which lower object they are copies of. */
  readonly originHandles: OriginHandles | null;
  /** null: a file with several links becomes several files when one of its names is copied up. */
  readonly links: HardLinkTable | null;
}

export interface Layers {
  readonly upper: Upper | null;
  readonly lowers: readonly Layer[];
  readonly dataLayers: readonly Layer[];
  readonly dialect: Dialect;
}

/** Immutable. */
export class LayerStack {
  /** null: a read-only union. */
  readonly upper: Upper | null;
  /** The lower layers that have names, top first. */
  readonly lowers: readonly Layer[];
  /** Layers that have only the data of metacopies above them, and no names. Top first. */
  readonly dataLayers: readonly Layer[];
  /** How whiteouts, opaque directories and private xattrs are stored. */
  readonly dialect: Dialect;
  /** The topmost layer: the upper, or the first lower. */
  readonly top: Layer;
  /** Depth of the lowest layer that has names. */
  readonly lowest: number;
  /**
   * The longest name that any layer can store and the dialect allows (fs/overlayfs/super.c:ovl_fill_super,
   * namelen).
   */
  readonly maxName: number;

  constructor({ upper, lowers, dataLayers, dialect }: Layers) {
    this.upper = upper;
    this.lowers = lowers;
    this.dataLayers = dataLayers;
    this.dialect = dialect;
    this.top = upper?.layer ?? (lowers[0] as Layer);
    this.lowest = (lowers.at(-1) ?? this.top).depth;
    const namelens = this.layers().map(({ root }) => statFs(root.fd).namelen);
    this.maxName = Math.min(dialect.maxName, Math.max(...namelens));
  }

  /** All layers that have names, top first. */
  layers(): readonly Layer[] {
    return this.upper === null ? this.lowers : [this.upper.layer, ...this.lowers];
  }

  /** Whether a lookup must find out for each regular file if it is a metacopy, and where its data is. */
  get seeksData(): boolean {
    return this.dataLayers.length > 0 || this.dialect.metacopies?.enabled === true;
  }

  /**
   * Refuses a name that no entry can have.
   * @throws FsError ENAMETOOLONG if it is too long, or the errno of the dialect if the dialect reserves it
   */
  checkName(name: EntryName): void {
    // Not "absent": the layers differ in the longest name. One fails with ENAMETOOLONG for a name that
    // another can have.
    if (name.length > this.maxName) throw fsError(Errno.ENAMETOOLONG, 'name');
    const refusal = this.dialect.refuseName(name);
    if (refusal !== 0) throw fsError(refusal, 'name');
  }

  /** Does what {@link checkName} does, and refuses names that an existing object cannot be given. */
  checkNewName(name: EntryName): void {
    this.checkName(name);
    const refusal = this.dialect.refuseCreate(name, S_IFREG, 0);
    if (refusal !== 0) throw fsError(refusal, 'name');
  }

  /** @throws FsError EROFS if there is no upper layer */
  writable(): Upper {
    if (this.upper === null) throw fsError(Errno.EROFS, 'union');
    return this.upper;
  }

  /** Closes all layers and what the upper has open. */
  close(): void {
    if (this.upper !== null) {
      this.upper.hiding.close();
      this.upper.links?.close();
      this.upper.work.close();
      this.upper.layer.close();
      this.upper.mount.close();
    }
    for (const layer of [...this.lowers, ...this.dataLayers]) layer.close();
  }
}
