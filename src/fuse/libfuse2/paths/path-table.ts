import { LRUCache } from 'lru-cache';
import { type EntryName, type NodeId, ROOT_ID } from '../../../core/brand.js';
import { Errno, fsError } from '../../../core/errno.js';
import { isDirectory } from '../../../core/file-mode.js';
import type { FileStat } from '../../../core/file-stat.js';
import type { Entry, Operations } from '../../operations.js';

/** The operations that the table calls. */
export type Lookups = Pick<Operations, 'lookup' | 'forget' | 'getattr'>;

interface KnownNode {
  readonly nodeid: NodeId;
  readonly isDirectory: boolean;
}

/**
 * More than twice as many as a path can have components (PATH_MAX is 4096 bytes). So the lookup of one path
 * never evicts another path that the same operation has just looked up.
 */
const CAPACITY = 1 << 16;

/**
 * The node of each path, for a transport whose requests have paths. Paths are bytes: `/`, `/a/b`.
 *
 * Each path in the table holds exactly one lookup of its node. The table forgets the node when the path is
 * evicted, renamed, removed or gets another node. The node of a path changes only through this mount, and
 * then {@link adopt} or {@link drop} is called. So each entry is valid as long as it is in the table.
 */
export class PathTable {
  private readonly known: LRUCache<string, KnownNode>;

  constructor(
    private readonly operations: Lookups,
    capacity = CAPACITY,
  ) {
    this.known = new LRUCache({
      max: capacity,
      dispose: ({ nodeid }) => operations.forget(nodeid, 1),
    });
  }

  /** The node of `path`. Throws ENOENT if there is none. */
  resolve(path: string): NodeId {
    if (path === '/') return ROOT_ID;
    return this.known.get(path)?.nodeid ?? this.lookUp(path, ({ nodeid }) => nodeid);
  }

  /** Returns the result of `read` on the attributes of the path. Throws ENOENT. */
  attributes<T>(path: string, read: (attr: FileStat) => T): T {
    const nodeid = path === '/' ? ROOT_ID : this.known.get(path)?.nodeid;
    if (nodeid === undefined) return this.lookUp(path, ({ attr }) => read(attr));
    return read(this.operations.getattr(nodeid).attr);
  }

  /** The directory of a path, and the last name of the path. Throws EBUSY for the root. */
  parent(path: string): { parent: NodeId; name: EntryName } {
    const slash = path.lastIndexOf('/');
    const name = path.slice(slash + 1) as EntryName;
    if (name === '') throw fsError(Errno.EBUSY, 'root directory');
    return { parent: this.resolve(slash === 0 ? '/' : path.slice(0, slash)), name };
  }

  /** Records `entry` as the node of `path`. The table owns the lookup of the entry from then on. */
  adopt(path: string, { nodeid, attr }: Entry): void {
    this.known.set(path, { nodeid, isDirectory: isDirectory(attr.mode) });
  }

  /** Removes `path`, which no longer has its node, and all paths below it. */
  drop(path: string): void {
    const dropped = this.known.peek(path);
    this.known.delete(path);
    // The table can have paths below a directory whose own path was evicted.
    if (dropped !== undefined && !dropped.isDirectory) return;
    const below = `${path}/`;
    for (const key of [...this.known.keys()]) if (key.startsWith(below)) this.known.delete(key);
  }

  /** Forgets the nodes of all paths. */
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
    // Read before `adopt`: that can evict another path, whose `forget` makes the entry invalid.
    const result = read(entry);
    this.adopt(path, entry);
    return result;
  }
}
