/**
 * Paths to nodes: each path in the table holds one lookup of its node, and forgets it when the path is
 * removed.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import type { EntryName, NodeId } from '../../../../../src/core/brand.js';
import { isErrno } from '../../../../../src/core/errno.js';
import { S_IFDIR, S_IFREG } from '../../../../../src/core/file-mode.js';
import { FileStat } from '../../../../../src/core/file-stat.js';
import { type Lookups, PathTable } from '../../../../../src/fuse/libfuse2/paths/path-table.js';
import type { Entry } from '../../../../../src/fuse/operations.js';

/** A tree of nodes by name, which counts lookups as the kernel does. */
class Names implements Lookups {
  readonly counts = new Map<NodeId, number>();
  asked = 0;
  private readonly ids = new Map<string, { id: NodeId; mode: number }>();
  private readonly attr = new FileStat();

  set(parent: number, name: string, id: number, mode = S_IFREG): void {
    this.ids.set(`${parent}/${name}`, { id: id as NodeId, mode });
  }

  move(from: string, to: string): void {
    const moved = this.ids.get(from);
    if (moved === undefined) throw new Error(from);
    this.ids.delete(from);
    this.ids.set(to, moved);
  }

  lookup(parent: NodeId, name: EntryName): Entry | null {
    this.asked++;
    const found = this.ids.get(`${parent}/${name}`);
    return found === undefined ? null : this.entryOf(found.id, found.mode);
  }

  entryOf(id: NodeId, mode = S_IFREG): Entry {
    this.counts.set(id, (this.counts.get(id) ?? 0) + 1);
    this.attr.mode = mode;
    this.attr.ino = id;
    return { nodeid: id, attr: this.attr, cacheAttr: true };
  }

  forget(nodeid: NodeId, nlookup: number): void {
    // By the contract, the next call can reuse the object of the last result.
    this.attr.ino = 0;
    this.counts.set(nodeid, (this.counts.get(nodeid) ?? 0) - nlookup);
  }

  getattr(nodeid: NodeId): Entry {
    this.attr.ino = nodeid;
    return { nodeid, attr: this.attr, cacheAttr: true };
  }

  held(): Record<number, number> {
    return Object.fromEntries([...this.counts].filter(([, count]) => count !== 0));
  }
}

let names: Names;
let table: PathTable;

beforeEach(() => {
  names = new Names();
  names.set(1, 'd', 2, S_IFDIR);
  names.set(2, 'e', 3, S_IFDIR);
  names.set(3, 'f', 4);
  names.set(1, 'dx', 5);
  table = new PathTable(names);
});

describe('the path table', () => {
  it('walks a path once, and knows every directory on the way', () => {
    expect(table.resolve('/d/e/f')).toBe(4);
    expect(names.asked).toBe(3);
    expect([table.resolve('/d/e/f'), table.resolve('/d'), table.resolve('/')]).toEqual([4, 2, 1]);
    expect(names.asked).toBe(3);
    expect(names.held()).toEqual({ 2: 1, 3: 1, 4: 1 });
  });

  it('throws ENOENT for a missing name, and records nothing', () => {
    const absent = (path: string): boolean => {
      try {
        table.resolve(path);
        return false;
      } catch (error) {
        return isErrno(error, 'ENOENT');
      }
    };
    expect([absent('/no'), absent('/d/no'), absent('/no/f')]).toEqual([true, true, true]);
    expect(names.held()).toEqual({ 2: 1 });
  });

  it('splits a path into directory and name, and fails for the root', () => {
    expect(table.parent('/d/e/new')).toEqual({ parent: 3, name: 'new' });
    expect(table.parent('/new')).toEqual({ parent: 1, name: 'new' });
    expect(() => table.parent('/')).toThrow(/EBUSY/);
  });

  it('holds one lookup, also if a path gets a node several times', () => {
    table.resolve('/dx');
    table.adopt('/dx', names.entryOf(5 as NodeId));
    expect(names.held()).toEqual({ 5: 1 });
    table.adopt('/dx', names.entryOf(6 as NodeId));
    expect(names.held()).toEqual({ 6: 1 });
  });

  it('drops a directory with all paths below it, but no other path with the same beginning', () => {
    table.resolve('/d/e/f');
    table.resolve('/dx');
    table.drop('/d');
    expect(names.held()).toEqual({ 5: 1 });
    names.move('1/d', '1/new');
    expect(table.resolve('/new/e/f')).toBe(4);
    expect(() => table.resolve('/d/e/f')).toThrow(/ENOENT/);
  });

  it('drops the paths below a directory whose own path was evicted', () => {
    table = new PathTable(names, 2);
    table.resolve('/d/e/f');
    expect(table.size).toBe(2);
    table.drop('/d');
    expect(names.held()).toEqual({});
  });

  it('forgets the node of an evicted path, and returns attributes that are valid', () => {
    table = new PathTable(names, 1);
    expect(table.attributes('/d/e/f', ({ ino }) => ino)).toBe(4);
    expect(names.held()).toEqual({ 4: 1 });
    expect(table.attributes('/d/e/f', ({ ino }) => ino)).toBe(4);
  });

  it('forgets all nodes at the end', () => {
    table.resolve('/d/e/f');
    table.resolve('/dx');
    table.clear();
    expect(names.held()).toEqual({});
  });
});
