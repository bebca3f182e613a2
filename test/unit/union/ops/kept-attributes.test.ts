/** READDIRPLUS for a kernel that keeps the attributes of the nodes that it has looked up. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type EntryName, type NodeId, ROOT_ID } from '../../../../src/core/brand.js';
import type { DirectorySink, Operations } from '../../../../src/fuse/operations.js';
import { makeUnionHome, openUnion } from '../../../harness/union-without-mount.js';

describe('a listing with attributes', () => {
  let home: string;
  let union: Operations;
  beforeEach(() => {
    home = makeUnionHome('kept-attributes');
    mkdirSync(join(home, 'lower/directory'));
    writeFileSync(join(home, 'lower/file'), '');
    writeFileSync(join(home, 'upper/changed'), '');
    union = openUnion(home, { work: join(home, 'work') });
  });
  afterEach(() => {
    union.close();
    rmSync(home, { recursive: true });
  });

  function lookUp(name: string): { nodeid: NodeId; ino: number } {
    const entry = union.lookup(ROOT_ID, name as EntryName);
    if (entry === null) throw new Error(`no ${name}`);
    return { nodeid: entry.nodeid, ino: entry.attr.ino };
  }

  /** All names with their inode numbers, and the names that have attributes. */
  function list(keepsAttributes: boolean): { names: Map<string, number>; withAttributes: string[] } {
    const names = new Map<string, number>();
    const withAttributes: string[] = [];
    const sink: DirectorySink = {
      fits: () => true,
      add: (name, ino) => names.set(name, ino),
      addPlus: (name, ino, _type, _cookie, entry) => {
        names.set(name, ino);
        if (entry !== null) withAttributes.push(name);
      },
    };
    union.readdir(ROOT_ID, 0, sink, { plus: true, noatime: false, keepsAttributes });
    return { names, withAttributes: withAttributes.sort() };
  }

  it('has those of each name that the kernel does not know', () => {
    expect(list(true).withAttributes).toEqual(['changed', 'directory', 'file']);
  });

  it('leaves out those of lower objects that the kernel has looked up, and shows their inode numbers', () => {
    const [directory, file] = [lookUp('directory'), lookUp('file')];
    lookUp('changed');
    const { names, withAttributes } = list(true);
    // Any program can have changed an object of the upper.
    expect(withAttributes).toEqual(['changed']);
    expect([names.get('directory'), names.get('file')]).toEqual([directory.ino, file.ino]);
  });

  it('counts no lookup of a name without attributes', () => {
    const { nodeid } = lookUp('file');
    list(true);
    union.forget(nodeid, 1);
    expect(() => union.getattr(nodeid)).toThrow('ESTALE');
  });

  it('has them again after the kernel has forgotten the node, or if it keeps none', () => {
    const { nodeid } = lookUp('file');
    expect(list(false).withAttributes).toContain('file');
    union.forget(nodeid, 2);
    expect(list(true).withAttributes).toContain('file');
  });
});
