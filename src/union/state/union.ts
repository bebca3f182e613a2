/**
 * The state of one mounted union, which the operations in `ops/` work on. One thread owns it all; nothing
 * here locks.
 */
import { LRUCache } from 'lru-cache';
import type { CopyUpContext } from '../../copyup/context.js';
import { type AccessTimes, DEFAULT_ACCESS_TIMES } from '../../core/access-times.js';
import type { EntryName } from '../../core/brand.js';
import { Errno, fsError } from '../../core/errno.js';
import { S_IFREG } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import type { Entry, KernelChannel } from '../../fuse/operations.js';
import { statFd, statFs } from '../../sys/files/stat.js';
import type { Dialect, Hiding } from '../../whiteout/dialect.js';
import type { WorkDirectory } from '../../whiteout/work/work-directory.js';
import type { DirectoryFds } from '../layers/directory-fds.js';
import type { Layer } from '../layers/layer.js';
import type { UpperMount } from '../layers/upper-mount.js';
import type { HardLinkTable } from '../links/hard-link-table.js';
import type { OriginHandles } from '../links/origin-handles.js';
import type { InodeNumbers } from '../nodes/inode-numbers.js';
import type { Listing } from '../nodes/listing.js';
import { DirectoryNode, type UnionNode } from '../nodes/node.js';
import type { NodeTable } from '../nodes/node-table.js';
import { FilePrefetch } from '../prefetch/file-prefetch.js';
import { TreePrefetch } from '../prefetch/tree-prefetch.js';
import type { CopyJobs } from './copy-jobs.js';

/** What only a union with an upper layer has. */
export interface Upper {
  readonly mount: UpperMount;
  readonly layer: Layer;
  readonly work: WorkDirectory;
  readonly hiding: Hiding;
  readonly copyUp: CopyUpContext;
  /** null: copies do not say what they are copies of. */
  readonly lowerFiles: OriginHandles | null;
  /** null: files with several links part when one is copied up. */
  readonly links: HardLinkTable | null;
}

/** How many directory entries all cached listings may hold together. */
const MAX_LISTED = 100_000;

export type CachedListings = LRUCache<DirectoryNode, Listing>;

export function cachedListings(): CachedListings {
  return new LRUCache({
    maxSize: MAX_LISTED, // A larger directory than that is cached alone, or each piece of its listing would read it all again.
    sizeCalculation: ({ size }) => Math.min(size + 1, MAX_LISTED),
  });
}

export class Union {
  /** The answer that operations fill in and return: one object for all, valid until the next call. */
  readonly answer: { nodeid: Entry['nodeid']; attr: FileStat; cacheAttr: boolean };
  readonly root: DirectoryNode;
  readonly filePrefetch: FilePrefetch;
  readonly treePrefetch: TreePrefetch;
  /** Set when the transport is ready. */
  channel: KernelChannel | null = null;
  passthrough = false;
  accessTimes: AccessTimes = DEFAULT_ACCESS_TIMES;
  /** ACLs are shown, checked and inherited; false: the mount is to do without, whatever the layers have. */
  hasAcls = true;
  /** The file whose capabilities were removed last, until an attribute is set. */
  lostCapability: UnionNode | null = null;
  /** Nodes that are open, each with an fd, and how many may be. */
  openFiles = 0;
  /**
   * The longest name that any layer can hold and the dialect allows (fs/overlayfs/super.c:ovl_fill_super,
   * namelen).
   */
  readonly maxName: number;
  /** Depth of the lowest layer. */
  readonly lowest: number;
  /** null: files with several links part when one is copied up, or nothing is ever copied up. */
  readonly links: HardLinkTable | null;
  /** null: copies do not say what they are copies of, or nothing is ever copied up. */
  readonly lowerFiles: OriginHandles | null;

  constructor(
    /** null: a read-only union. */
    readonly upper: Upper | null,
    /** Top first. */
    readonly lowers: readonly Layer[],
    /** Layers that give data to metacopies of those above, and no names. Top first. */
    readonly dataLayers: readonly Layer[],
    readonly dialect: Dialect,
    readonly fds: DirectoryFds,
    readonly nodes: NodeTable,
    /** Of directories that have a node. */
    readonly listings: CachedListings,
    readonly numbers: InodeNumbers,
    readonly jobs: CopyJobs,
    readonly maxOpenFiles: number,
    readonly log: (line: string) => void,
  ) {
    this.filePrefetch = new FilePrefetch(fds, listings);
    this.treePrefetch = new TreePrefetch(lowers);
    const top = upper?.layer ?? (lowers[0] as Layer);
    this.lowest = (lowers.at(-1) ?? top).depth;
    const stat = new FileStat();
    const id = nodes.newId();
    this.answer = { nodeid: id, attr: stat, cacheAttr: true };
    this.root = new DirectoryNode(
      id,
      null,
      '' as EntryName,
      0,
      upper?.layer.root ?? null,
      lowers.map(({ root }) => root),
    );
    nodes.add(this.root);
    statFd(top.root.fd, stat);
    this.maxName = Math.min(dialect.maxName, Math.max(...this.layers().map(({ root }) => statFs(root.fd).namelen)));
    this.links = upper?.links ?? null;
    this.lowerFiles = upper?.lowerFiles ?? null;
    if (upper !== null && this.lowerFiles !== null) {
      this.root.impure = upper.layer.reader.marks(upper.layer.root.fd, '').impure;
    }
    this.root.ino = numbers.shown(stat.devMajor, stat.devMinor, stat.ino);
  }

  /** All layers, top first. */
  layers(): readonly Layer[] {
    return this.upper === null ? this.lowers : [this.upper.layer, ...this.lowers];
  }

  /** Throws for a name that no entry can have: too long, or the dialect's own. */
  checkName(name: EntryName): void {
    // Not "absent": a layer answers ENAMETOOLONG for a name that another, with longer names, may have.
    if (name.length > this.maxName) throw fsError(Errno.ENAMETOOLONG, 'name');
    const refusal = this.dialect.refuseName(name);
    if (refusal !== 0) throw fsError(refusal, 'name');
  }

  /** As {@link checkName}, for a name that an object is to get that there is already. */
  checkNewName(name: EntryName): void {
    this.checkName(name);
    const refusal = this.dialect.refuseCreate(name, S_IFREG, 0);
    if (refusal !== 0) throw fsError(refusal, 'name');
  }

  /** Each lookup of a file asks whether it is whole, and finds its data if not. */
  get seeksData(): boolean {
    return this.dataLayers.length > 0 || this.dialect.metacopies?.enabled === true;
  }

  /** The upper layer, or EROFS. */
  writable(): Upper {
    if (this.upper === null) throw fsError(Errno.EROFS, 'union');
    return this.upper;
  }
}
