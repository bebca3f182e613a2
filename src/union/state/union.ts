/**
 * The state of one mounted union. The operations in `ops/` work on it, in groups by subject. One thread owns
 * all of it, so nothing here needs a lock.
 */
import type { AccessTimes } from '../../core/access-times.js';
import type { EntryName, NodeId } from '../../core/brand.js';
import { FileStat } from '../../core/file-stat.js';
import type { KernelChannel } from '../../fuse/operations.js';
import { statFd } from '../../sys/files/stat.js';
import type { DirectoryFds } from '../layers/directory-fds.js';
import type { HardLinkTable } from '../links/hard-link-table.js';
import type { OriginHandles } from '../links/origin-handles.js';
import type { InodeNumbers } from '../nodes/inode-numbers.js';
import type { ListingCache } from '../nodes/listing-cache.js';
import { DirectoryNode, type UnionNode } from '../nodes/node.js';
import type { NodeTable } from '../nodes/node-table.js';
import { FilePrefetch } from '../prefetch/file-prefetch.js';
import type { PrefetchThreads } from '../prefetch/prefetch-threads.js';
import { TreePrefetch } from '../prefetch/tree-prefetch.js';
import type { CopyJobs } from './copy-jobs.js';
import type { LayerStack } from './layer-stack.js';
import type { OpenFileBudget } from './open-file-budget.js';

/** Decides which objects are one file, and which inode number a file shows. */
export interface Identity {
  /** Immutable reference. Copy-ups, removals and lookups change its content. */
  readonly numbers: InodeNumbers;
  /**
   * Hard links that survive a copy-up; changed by copy-ups and by changes of names. null: a file with several
   * links becomes several files when one of its names is copied up, or nothing is ever copied up.
   */
  readonly links: HardLinkTable | null;
  /** Immutable. null: copies do not record their origin, or nothing is ever copied up. */
  readonly originHandles: OriginHandles | null;
}

/** The connection to the kernel, and what the server remembers of its requests. */
export interface Kernel {
  /** Set by `attach` when the transport is ready. null before that, and again after the mount has ended. */
  channel: KernelChannel | null;
  /** Set by `attach`. Cleared for good when the kernel refuses to register a backing file with EPERM. */
  passthrough: boolean;
  /** Set by REMOVEXATTR of `security.capability`, cleared by the next SETATTR: see `isNamelessChown`. */
  lostCapability: UnionNode | null;
}

export interface Caches {
  /** Filled by READDIR. Each change of a directory changes its listing too, or drops it. */
  readonly listings: ListingCache;
  /**
   * Reads the next files of a directory into the page cache when the server is idle. Notified of each open.
   */
  readonly filePrefetch: FilePrefetch;
  /**
   * Reads the next directories of a tree walk into the kernel's caches. Notified of each listing that is
   * read.
   */
  readonly treePrefetch: TreePrefetch;
}

export interface UnionOptions {
  /** When reading updates the access times of upper objects. Changed by a remount. */
  accessTimes: AccessTimes;
  /**
   * ACLs are shown, checked and inherited. Immutable. false: ACLs are ignored, even if the layers have some.
   */
  readonly hasAcls: boolean;
}

/**
 * The attributes that an operation returns. A union has one such object for all operations, an exception to
 * the rule that no scratch object carries a result. The transport reads it before the next operation.
 */
export interface Answer {
  nodeid: NodeId;
  readonly attr: FileStat;
  cacheAttr: boolean;
}

/** The parts that a union is built from; see the fields of `Union`. */
export interface UnionParts {
  readonly stack: LayerStack;
  readonly nodes: NodeTable;
  readonly fds: DirectoryFds;
  readonly numbers: InodeNumbers;
  readonly listings: ListingCache;
  readonly openFiles: OpenFileBudget;
  readonly jobs: CopyJobs;
  readonly prefetchThreads: PrefetchThreads | undefined;
  readonly options: UnionOptions;
  readonly log: (line: string) => void;
}

export class Union {
  /** The layers and their on-disk format. Immutable. */
  readonly stack: LayerStack;
  /** All nodes that the kernel can use. Lookups add them; FORGET, RELEASE and removals free them. */
  readonly nodes: NodeTable;
  /** The node of the root directory; never freed. */
  readonly root: DirectoryNode;
  /** Open fds of real directories, an LRU cache. Any operation can open one, which can close others. */
  readonly fds: DirectoryFds;
  readonly identity: Identity;
  readonly kernel: Kernel;
  readonly caches: Caches;
  /** Changed by the first open and by the last release of a node. */
  readonly openFiles: OpenFileBudget;
  /** Copy-ups that run in helper threads. Changed when one is started, has finished or has failed. */
  readonly jobs: CopyJobs;
  readonly options: UnionOptions;
  /** Immutable. Takes one line about a problem that does not fail the mount. */
  readonly log: (line: string) => void;
  /**
   * The object that operations fill and return. There is one for all requests, because a new one for each
   * request costs time. It is valid until the next operation.
   */
  readonly answer: Answer;

  constructor({ stack, nodes, fds, numbers, listings, openFiles, jobs, prefetchThreads, options, log }: UnionParts) {
    const { upper, lowers } = stack;
    this.stack = stack;
    this.nodes = nodes;
    this.fds = fds;
    this.identity = { numbers, links: upper?.links ?? null, originHandles: upper?.originHandles ?? null };
    this.kernel = { channel: null, passthrough: false, lostCapability: null };
    this.caches = {
      listings,
      filePrefetch: new FilePrefetch(fds, listings),
      treePrefetch: new TreePrefetch(lowers, prefetchThreads),
    };
    this.openFiles = openFiles;
    this.jobs = jobs;
    this.options = options;
    this.log = log;
    this.root = this.createRoot();
    this.answer = { nodeid: this.root.id, attr: new FileStat(), cacheAttr: true };
  }

  private createRoot(): DirectoryNode {
    const { nodes, identity } = this;
    const { upper, lowers, top } = this.stack;
    const stat = new FileStat();
    statFd(top.root.fd, stat);
    const ino = identity.numbers.shown(stat.devMajor, stat.devMinor, stat.ino);
    const lowerRoots = lowers.map(({ root }) => root);
    const root = new DirectoryNode(nodes.newId(), null, '' as EntryName, ino, upper?.layer.root ?? null, lowerRoots);
    nodes.add(root);
    if (upper !== null && identity.originHandles !== null) {
      root.impure = upper.layer.reader.marks(upper.layer.root.fd, '').impure;
    }
    return root;
  }
}
