import { LRUCache } from 'lru-cache';
import { type EntryName, type NodeId, ROOT_ID } from '../../../core/brand.js';
import { Errno, fsError } from '../../../core/errno.js';
import { isDirectory } from '../../../core/file-mode.js';
import type { FileStat } from '../../../core/file-stat.js';
import type { Entry, Operations } from '../../operations.js';

/** What the table asks of the file system. */
export type Lookups = Pick<Operations, 'lookup' | 'forget' | 'getattr'>;

interface Known {
  readonly nodeid: NodeId;
  readonly directory: boolean;
}

/**
 * More than twice as many as a path can have components (PATH_MAX is 4096 bytes), so that looking up one path
 * never takes away another that the same operation has just looked up.
 */
const CAPACITY = 1 << 16;

/**
 * Which node a path leads to, for a transport that is given paths. Paths are bytes: `/`, `/a/b`.
 *
 * Each path in the table holds exactly one lookup of its node, and forgets it when the path goes: evicted,
 * renamed, removed or replaced. What a path leads to changes only through this mount, and then the table is
 * told; so an entry is right for as long as it is there.
 */
export class PathTable {
  private readonly known: LRUCache<string, Known>;

  constructor(
    private readonly operations: Lookups,
    capacity = CAPACITY,
  ) {
    this.known = new LRUCache({
      max: capacity,
      dispose: ({ nodeid }) => operations.forget(nodeid, 1),
    });
  }

  /** Throws ENOENT. */
  resolve(path: string): NodeId {
    if (path === '/') return ROOT_ID;
    return this.known.get(path)?.nodeid ?? this.lookUp(path, ({ nodeid }) => nodeid);
  }

  /** What `read` makes of the attributes. Throws ENOENT. */
  attributes<T>(path: string, read: (attr: FileStat) => T): T {
    const nodeid = path === '/' ? ROOT_ID : this.known.get(path)?.nodeid;
    if (nodeid === undefined) return this.lookUp(path, ({ attr }) => read(attr));
    return read(this.operations.getattr(nodeid).attr);
  }

  /** The directory that a path's last name is in. The root is in none. */
  parent(path: string): { parent: NodeId; name: EntryName } {
    const slash = path.lastIndexOf('/');
    const name = path.slice(slash + 1) as EntryName;
    if (name === '') throw fsError(Errno.EBUSY, 'root directory');
    return { parent: this.resolve(slash === 0 ? '/' : path.slice(0, slash)), name };
  }

  /** Takes over the lookup that came with `entry`, which `path` now leads to. */
  adopt(path: string, { nodeid, attr }: Entry): void {
    this.known.set(path, { nodeid, directory: isDirectory(attr.mode) });
  }

  /** `path` leads nowhere any more, or elsewhere, and so does everything below it. */
  drop(path: string): void {
    const gone = this.known.peek(path);
    this.known.delete(path);
    // A directory can have entries in the table after its own was evicted.
    if (gone !== undefined && !gone.directory) return;
    const below = `${path}/`;
    for (const key of [...this.known.keys()]) if (key.startsWith(below)) this.known.delete(key);
  }

  /** Gives every lookup back. */
  clear(): void {
    this.known.clear();
  }

  get size(): number {
    return this.known.size;
  }

  private lookUp<T>(path: string, read: (entry: Entry) => T): T {
    const { parent, name } = this.parent(path);
    const entry = this.operations.lookup(parent, name);
    if (entry === null) throw fsError(Errno.ENOENT, 'lookup');
    // Before the entry goes into the table: what that evicts is forgotten, a call after which the entry is
    // not valid.
    const seen = read(entry);
    this.adopt(path, entry);
    return seen;
  }
}
