/** The order of the prefetch walk: that of the listings, ahead of the reader but not too far. */
import { describe, expect, it } from 'vitest';
import type { EntryName } from '../../../../src/core/brand.js';
import { cookieOf } from '../../../../src/union/nodes/listing.js';
import { AHEAD, Shared, type TreeReader, TreeWalk, type WalkOrder } from '../../../../src/union/prefetch/tree-walk.js';

interface Tree {
  readonly [name: string]: Tree;
}

function byCookie(a: string, b: string): number {
  return cookieOf(a as EntryName) - cookieOf(b as EntryName);
}

/** All directories below `path` in the order in which a reader lists them. */
function readingOrder(tree: Tree, path = ''): string[] {
  return Object.keys(tree)
    .sort(byCookie)
    .flatMap((name) => {
      const own = path === '' ? name : `${path}/${name}`;
      return [own, ...readingOrder(tree[name] ?? {}, own)];
    });
}

function wide(levels: number, width: number): Tree {
  if (levels === 0) return {};
  return Object.fromEntries(Array.from({ length: width }, (_, i) => [`d${i}`, wide(levels - 1, width)]));
}

/** Walks `tree`; returns the directories whose content was looked at as well. */
function walk(tree: Tree, order: Omit<WalkOrder, 'number'>, given: { served?: number; inMemoryAfter?: number } = {}) {
  const shared = new Int32Array(new SharedArrayBuffer(12));
  Atomics.store(shared, Shared.ORDER, 7);
  Atomics.store(shared, Shared.SERVED, given.served ?? 0);
  const seen: string[] = [];
  const eyes: TreeReader = {
    read(path, stats) {
      if (stats) seen.push(path);
      let at: Tree | undefined = tree;
      for (const name of path === '' ? [] : path.split('/')) at = at?.[name];
      return Object.keys(at ?? {}).reverse() as EntryName[];
    },
    isInMemory: () => seen.length === given.inMemoryAfter,
  };
  new TreeWalk({ number: 7, ...order }, shared, eyes, 1).run();
  return seen;
}

describe('the prefetch walk', () => {
  const tree = { a: wide(2, 3), b: wide(2, 3), c: {} };
  const all = readingOrder(tree);

  it('reads the tree in the order of its listings', () => {
    expect(walk(tree, { root: '', place: [] })).toEqual(all);
  });

  it.each(all)('begins after a reader that is at %s, and skips what the reader has passed', (place) => {
    expect(walk(tree, { root: '', place: place.split('/') })).toEqual(all.slice(all.indexOf(place) + 1));
  });

  it('stays in the tree of the reader', () => {
    const below = readingOrder(tree.a, 'a');
    expect(walk(tree, { root: 'a', place: [] })).toEqual(below);
  });

  it('waits for a reader that is far behind, and ends if the reader has stopped', () => {
    const large = wide(3, 6);
    expect(walk(large, { root: '', place: [] })).toEqual(readingOrder(large).slice(0, AHEAD));
  });

  it('does not stat what the reader has listed meanwhile', () => {
    expect(walk(tree, { root: '', place: [] }, { served: 5 })).toEqual(all.slice(5));
  });

  it('ends when everything is in memory already', () => {
    expect(walk(tree, { root: '', place: [] }, { inMemoryAfter: 4 })).toEqual(all.slice(0, 4));
  });
});
