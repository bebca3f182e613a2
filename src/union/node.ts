import type { EntryName, NodeId } from '../core/brand.js';
import type { FileData } from './file-data.js';
import type { RealDirectory } from './layer.js';
import type { LinkGroup } from './link-group.js';

/**
 * Nodes: one per nodeid that the kernel may use.
 *
 * A node is held by the kernel's lookups (`nlookup`), by opens, and a directory also by the nodes of its children,
 * because a child finds the directory to copy up through `parent`. It is freed when nothing holds it
 * (`NodeTable.release`), never earlier; the root never.
 */
interface NodeBase {
  readonly id: NodeId;
  /** Where the node is in the merged tree; null for the root and for what has lost its last name. */
  parent: DirectoryNode | null;
  name: EntryName;
  /** Entries handed to the kernel and not yet forgotten. */
  nlookup: number;
  /** The inode number shown. It survives a copy-up. */
  ino: number;
  /** The name is gone from the merged tree. */
  removed: boolean;
  /** FS_IMMUTABLE_FL and FS_APPEND_FL, where the union has to see to them itself; null: not known. See `protection.ts`. */
  protection: number | null;
}

export class DirectoryNode implements NodeBase {
  readonly kind = 'directory';
  nlookup = 0;
  removed = false;
  protection: number | null = null;
  /** Nodes of entries that are alive, not all entries. Keyed by each node's own `name`. */
  readonly children = new Map<EntryName, UnionNode>();
  /**
   * `children` has all entries: of a directory that was made here, for as long as none of its nodes is freed while it has its name,
   * and none comes in by a name that its node is not known by. What is to be made there need not be looked for on disk.
   */
  isComplete = false;
  /** The upper directory's default ACL: null for none, undefined when not asked yet. */
  defaultAcl: Buffer | null | undefined;
  /** Where the lower parts of an upper directory that was moved are, as the layer says it; see `Marks.redirect`. */
  redirect: string | null = null;
  /** The upper directory may hold copies of lower objects that say so; see `Marks.impure`. */
  impure = false;

  constructor(
    readonly id: NodeId,
    public parent: DirectoryNode | null,
    public name: EntryName,
    public ino: number,
    /** The real directory in the upper; null until the directory is copied up. */
    public upper: RealDirectory | null,
    /** Real directories of lower layers that are merged in, top first; ends at an opaque one. */
    public lowers: readonly RealDirectory[],
  ) {}

  /** The real directory whose attributes are shown. */
  get top(): RealDirectory {
    return this.upper ?? (this.lowers[0] as RealDirectory);
  }

  /** More than one real directory shows here. */
  get isMerged(): boolean {
    return this.upper === null ? this.lowers.length > 1 : this.lowers.length > 0;
  }
}

/**
 * How an open node does its I/O. The kernel allows one mode, and in passthrough one backing file, per inode at a time
 * (fs/fuse/iomode.c), so the mode belongs to the node, not to an open: chosen by the first, kept until the last ends.
 */
export interface OpenFile {
  /**
   * The file that has the data; replaced by the copy when the node, or the data of a metacopy, is copied up, so that every
   * reader sees every write.
   */
  fd: number;
  /** `fd` is open for writing as well. */
  writable: boolean;
  /** Registered backing file (passthrough), or 0: requests come here (cached). */
  backingId: number;
  opens: number;
  /** Of these, opens that can write. */
  writers: number;
  /** What is written through `fd` goes to the end, wherever it was meant to: of an append-only file. */
  appends: boolean;
}

/** Everything that is not a directory. */
export class FileNode implements NodeBase {
  readonly kind = 'file';
  nlookup = 0;
  removed = false;
  protection: number | null = null;
  open: OpenFile | null = null;
  /**
   * An fd (O_PATH is enough) of an upper object that has lost the name it was known by, and is not open, or is open as a
   * metacopy, that is by its data; or -1. Owned.
   */
  pin = -1;
  /** Key of the copy-up that is under way in a helper thread, or 0. */
  busy = 0;
  /** A lower file with several links, or the copy of one, where the dialect keeps them together. */
  group: LinkGroup | null = null;
  /** The data, if the object that the node stands for has the attributes only (a metacopy); null: it is whole. */
  data: FileData | null = null;
  /** What an upper metacopy says of where its data is; see `Marks.redirect`. */
  redirect: string | null = null;
  /** Pages that the kernel cached earlier are out of date: data went past the cache, to a backing file. */
  stalePages = false;
  /** An upper file that shows the number of the lower one it was copied from. */
  isCopy = false;
  /**
   * It has no `security.capability`, which the kernel asks for before the first write of each open file and before each change of
   * owner. Taken back when one is set.
   */
  lacksCapability = false;
  /**
   * What other names of the same file are recognised by (`NodeTable.share`): the number shown, of a file with a `group`;
   * else the file's own. Not the number shown, because two copies can claim to be of one lower file.
   */
  identity = 0;

  constructor(
    readonly id: NodeId,
    public parent: DirectoryNode | null,
    public name: EntryName,
    public ino: number,
    public isUpper: boolean,
    /**
     * The real directory and name that lead to the object; null once it is reached through `pin` only. The copy of a
     * file with a `group` is reached through its entry, and no name of it.
     */
    public home: RealDirectory | null,
    public realName: EntryName,
  ) {}
}

export type UnionNode = DirectoryNode | FileNode;
