/** The memory that the nodes known to the kernel take, and that it is freed when the kernel forgets them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type EntryName, type NodeId, ROOT_ID } from '../../../../src/core/brand.js';
import { DT_DIR } from '../../../../src/core/file-mode.js';
import type { DirectorySink, Operations } from '../../../../src/fuse/operations.js';
import { createUnion, defaultOverlay } from '../../../../src/union/index.js';
import { FileNode } from '../../../../src/union/nodes/node.js';
import { NodePages } from '../../../../src/union/nodes/node-pages.js';
import type { OpenFile } from '../../../../src/union/nodes/open-file.js';
import { makeScratch, removeScratch } from '../../../harness/scratch.js';

const DIRECTORIES = 40;
const FILES = 200;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
function usedHeap(): number {
  collect();
  collect();
  return getHeapStatistics().used_heap_size;
}

describe('memory of nodes', () => {
  let base: string;
  let operations: Operations;
  beforeEach(() => {
    base = makeScratch('node-memory');
    for (let d = 0; d < DIRECTORIES; d++) {
      const directory = join(base, d % 2 === 0 ? 'top' : 'base', `directory-${d}`);
      mkdirSync(directory, { recursive: true });
      for (let f = 0; f < FILES; f++) writeFileSync(join(directory, `some-file-${f}.txt`), '');
    }
    operations = createUnion({
      lowers: [join(base, 'top'), join(base, 'base')],
      overlay: defaultOverlay('user'),
      volatile: false,
      volatileMark: false,
      log: () => {},
    });
  });
  afterEach(() => {
    operations.close();
    removeScratch(base);
  });

  /** Looks up everything below a directory, as `ls -lR` does. Each node is held once. */
  function walk(nodeid: NodeId, each: (nodeid: NodeId) => void): void {
    const directories: NodeId[] = [];
    let cookie = 0;
    let listed: number;
    do {
      listed = 0;
      const sink: DirectorySink = {
        fits: () => listed < 50,
        add: () => {},
        addPlus: (_, __, type, at, entry) => {
          listed++;
          cookie = at;
          if (entry === null) return;
          each(entry.nodeid);
          if (type === DT_DIR) directories.push(entry.nodeid);
        },
      };
      operations.readdir(nodeid, cookie, sink, { plus: true, noatime: false });
    } while (listed > 0);
    for (const directory of directories) walk(directory, each);
  }

  it('is at most 350 bytes for each node, and almost none after the kernel has forgotten them', () => {
    const nodes = DIRECTORIES * (FILES + 1);
    const known = new Float64Array(nodes);
    // The first walk compiles the code and allocates buffers, so that they are not measured.
    walk(ROOT_ID, (nodeid) => operations.forget(nodeid, 0));
    let count = 0;
    walk(ROOT_ID, (nodeid) => {
      known[count++] = nodeid;
    });
    for (const nodeid of known) operations.forget(nodeid as NodeId, 2);
    const before = usedHeap();
    count = 0;
    walk(ROOT_ID, (nodeid) => {
      known[count++] = nodeid;
    });
    expect(count).toBe(nodes);
    const walked = usedHeap();
    expect((walked - before) / nodes).toBeLessThan(350);
    for (const nodeid of known) operations.forget(nodeid as NodeId, 1);
    expect((usedHeap() - before) / nodes).toBeLessThan(40);
  });
});

describe('a file node', () => {
  const file = (id: number): FileNode =>
    new FileNode(id as NodeId, null, 'name' as EntryName, 2 ** 48 + id, false, null, 'name' as EntryName);
  const open: OpenFile = { fd: 3, readFd: 3, writable: false, backingId: 0, opens: 1, writers: 0, appends: false };

  it('stores each of its properties independently of the others', () => {
    const node = file(1);
    expect(node).toMatchObject({
      isUpper: false,
      removed: false,
      protection: null,
      pinnedFd: -1,
      copyJobKey: 0,
      group: null,
    });
    expect(node.identity).toBe(node.ino);
    node.protection = 0x30;
    node.isUpper = true;
    node.removed = true;
    node.stalePages = true;
    node.isCopy = true;
    expect(node).toMatchObject({ protection: 0x30, isUpper: true, removed: true, stalePages: true, isCopy: true });
    node.removed = false;
    expect(node).toMatchObject({ protection: 0x30, isUpper: true, removed: false, stalePages: true, isCopy: true });
    node.protection = 0;
    expect(node).toMatchObject({ protection: 0, isUpper: true, stalePages: true, isCopy: true });
    node.protection = null;
    expect(node).toMatchObject({ protection: null, isUpper: true, stalePages: true, isCopy: true });
    node.identity = 7;
    node.open = open;
    node.pinnedFd = 4;
    node.copyJobKey = 5;
    expect(node).toMatchObject({ identity: 7, open, pinnedFd: 4, copyJobKey: 5 });
    node.open = null;
    expect(node).toMatchObject({ identity: 7, open: null, pinnedFd: 4, copyJobKey: 5 });
  });

  it('frees the state of an open after its release', () => {
    const nodes = Array.from({ length: 100_000 }, (_, i) => file(i));
    const before = usedHeap();
    for (const node of nodes) node.open = open;
    expect((usedHeap() - before) / nodes.length).toBeGreaterThan(20);
    for (const node of nodes) node.open = null;
    expect((usedHeap() - before) / nodes.length).toBeLessThan(15);
  });

  it('is found by its id, and the last node of a page frees the page', () => {
    const pages = new NodePages();
    const nodes = [0, 1, 31, 32, 33, 100_000, 2 ** 40 + 5].map(file);
    for (const node of nodes) pages.add(node);
    expect(pages.size).toBe(nodes.length);
    expect([...pages]).toEqual(nodes);
    for (const node of nodes) expect(pages.get(node.id)).toBe(node);
    for (const id of [2, 34, 99_999, 2 ** 40, 2 ** 40 + 6]) expect(pages.get(id as NodeId)).toBeUndefined();
    for (const node of nodes.slice(1)) pages.delete(node);
    expect([...pages]).toEqual(nodes.slice(0, 1));
    expect(pages.get(32 as NodeId)).toBeUndefined();
    expect(pages.size).toBe(1);
  });
});
