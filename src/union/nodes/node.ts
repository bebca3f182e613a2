import type { EntryName, NodeId } from '../../core/brand.js';
import { close } from '../../sys/files/open.js';
import type { RealDirectory } from '../layers/layer.js';
import { FileState } from './file-state.js';

/**
 * Nodes: one for each nodeid that the kernel can use.
 *
 * The kernel's lookups (`nlookup`) and opens hold a node. The nodes of its children hold a directory too,
 * because a child finds the directory to copy up through `parent`. `NodeTable.release` frees a node when
 * nothing holds it, and never earlier. The root is never freed.
 */
interface NodeBase {
  readonly id: NodeId;
  /** The directory of the node in the merged tree; null for the root and for an object without a name. */
  parent: DirectoryNode | null;
  name: EntryName;
  /** How many entries the kernel has received for the node and not forgotten. */
  nlookup: number;
  /** The inode number that the union shows. A copy-up does not change it. */
  ino: number;
  /** The name was removed from the merged tree. */
  removed: boolean;
  /**
   * FS_IMMUTABLE_FL and FS_APPEND_FL, if the union must enforce them itself; null: not known. See
   * `protection.ts`.
   */
  protection: number | null;
}

export class DirectoryNode implements NodeBase {
  readonly kind = 'directory';
  nlookup = 0;
  removed = false;
  protection: number | null = null;
  /** The nodes of entries, by each node's own `name`. Entries without a node are not in it. */
  readonly children = new Map<EntryName, UnionNode>();
  /**
   * Whether `children` has all entries, so a name can be created without a look at the disk. True for a
   * directory that was created in this mount. False again after a child was freed that still
   * has its name, and after a link or rename: the node of a file with several links can be elsewhere.
   */
  isComplete = false;
  /** The default ACL of the upper directory; null: it has none, undefined: not read yet. */
  defaultAcl: Buffer | null | undefined;
  /**
   * The redirect of an upper directory that was moved: it leads to the lower parts of the directory. See
   * `Marks.redirect`.
   */
  redirect: string | null = null;
  /** The upper directory can contain copies that record their lower object; see `Marks.impure`. */
  impure = false;

  constructor(
    readonly id: NodeId,
    public parent: DirectoryNode | null,
    public name: EntryName,
    public ino: number,
    /** The real directory in the upper; null until the directory is copied up. */
    public upper: RealDirectory | null,
    /** The real directories of lower layers that are merged in, top first. The last one can be opaque. */
    public lowers: readonly RealDirectory[],
  ) {}

  /** The real directory whose attributes the union shows. */
  get top(): RealDirectory {
    return this.upper ?? (this.lowers[0] as RealDirectory);
  }

  /** Whether more than one real directory is merged here. */
  get isMerged(): boolean {
    return this.upper === null ? this.lowers.length > 1 : this.lowers.length > 0;
  }
}

/** Everything that is not a directory. */
export class FileNode extends FileState implements NodeBase {
  nlookup = 0;

  constructor(
    readonly id: NodeId,
    public parent: DirectoryNode | null,
    public name: EntryName,
    ino: number,
    isUpper: boolean,
    /**
     * The real directory and name of the object; null: the object has no name and is reached through
     * `pinnedFd` or `open`. The copy of a file with a `group` is reached through its entry in the hard link
     * table, never through one of its names.
     */
    public home: RealDirectory | null,
    public realName: EntryName,
  ) {
    super(ino, isUpper);
  }

  get kind(): 'file' {
    return 'file';
  }

  /**
   * Sets the real directory and name of the object, and closes the pinned fd, which is not needed any more.
   */
  placeAt(home: RealDirectory, name: EntryName): void {
    this.home = home;
    this.realName = name;
    if (this.pinnedFd >= 0) close(this.pinnedFd);
    this.pinnedFd = -1;
  }
}

export type UnionNode = DirectoryNode | FileNode;
