/** The start and the end of the thread that reads directories ahead of a reader. */
import { closeSync, openSync, readlinkSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EntryName, NodeId } from '../../../../src/core/brand.js';
import type { Layer } from '../../../../src/union/layers/layer.js';
import { DirectoryNode } from '../../../../src/union/nodes/node.js';
import type { PrefetchOrder, PrefetchWorker } from '../../../../src/union/prefetch/prefetch-thread.js';
import { PrefetchThreads } from '../../../../src/union/prefetch/prefetch-threads.js';
import { TreePrefetch } from '../../../../src/union/prefetch/tree-prefetch.js';
import { ENDED, Shared, type TreeReader, walkRounds } from '../../../../src/union/prefetch/tree-walk.js';

let id = 1;
let layer: number;
beforeEach(() => {
  layer = openSync('/', 'r');
});
afterEach(() => {
  closeSync(layer);
});

function directory(parent: DirectoryNode | null, name: string): DirectoryNode {
  return new DirectoryNode(id++ as NodeId, parent, name as EntryName, 0, null, []);
}

/** Prefetch threads that do nothing, and what they got. */
class FakeThreads {
  readonly orders: PrefetchOrder[] = [];
  readonly memory: Int32Array[] = [];
  ended = 0;
  isAlive = true;

  readonly start = (shared: Int32Array): PrefetchWorker => {
    this.memory.push(shared);
    const isAlive = (): boolean => this.isAlive;
    return {
      get isAlive() {
        return isAlive();
      },
      send: (order) => {
        this.orders.push(order);
      },
      end: () => {
        this.ended++;
      },
    };
  };

  /** A word of the memory of the first thread. */
  word(index: number): number {
    return Atomics.load(this.memory[0] as Int32Array, index);
  }

  /** The thread with this number has done its orders. */
  becomesIdle(number = 0): void {
    Atomics.store(this.memory[number] as Int32Array, Shared.BUSY, 0);
  }
}

/** Reads a tree with one directory, and appends the paths of its round to `rounds`. */
function readerOf(rounds: string[][]): TreeReader {
  const paths: string[] = [];
  rounds.push(paths);
  return {
    read: (path) => {
      paths.push(path);
      return path === '' ? (['a'] as EntryName[]) : [];
    },
    isInMemory: () => false,
  };
}

function setUp() {
  const fake = new FakeThreads();
  const threads = new PrefetchThreads(fake.start);
  return { fake, threads, prefetch: newPrefetch(threads) };
}

function newPrefetch(threads: PrefetchThreads): TreePrefetch {
  return new TreePrefetch([{ root: { fd: layer } } as Layer], threads);
}

const root = directory(null, '');
const tree = directory(root, 'tree');
const below = Array.from({ length: 40 }, (_, i) => directory(tree, `d${i}`));

describe('the thread that reads ahead in a tree', () => {
  it('starts after the place of the reader when sixteen directories below one have been listed', () => {
    const { prefetch, fake } = setUp();
    prefetch.noteListing(tree);
    for (const dir of below.slice(0, 15)) prefetch.noteListing(dir);
    expect(fake.memory).toHaveLength(0);
    prefetch.noteListing(below[15] as DirectoryNode);
    expect(fake.orders).toMatchObject([{ root: 'tree', place: ['d15'] }]);
  });

  it('does not start for directories of several trees', () => {
    const { prefetch, fake } = setUp();
    for (let i = 0; i < 40; i++) prefetch.noteListing(directory(root, `other${i}`));
    expect(fake.orders).toEqual([]);
  });

  it('knows how many directories the reader has listed', () => {
    const { prefetch, fake } = setUp();
    for (const dir of [tree, ...below.slice(0, 20)]) prefetch.noteListing(dir);
    expect(fake.word(Shared.SERVED)).toBe(4);
  });

  it('stops when the reader leaves the tree, and starts again in another tree', () => {
    const { prefetch, fake } = setUp();
    for (const dir of [tree, ...below.slice(0, 20)]) prefetch.noteListing(dir);
    const other = directory(root, 'other');
    prefetch.noteListing(other);
    expect(fake.word(Shared.ORDER)).not.toBe(fake.orders[0]?.number);
    for (let i = 0; i < 16; i++) prefetch.noteListing(directory(other, `d${i}`));
    expect(fake.orders).toHaveLength(2);
    expect(fake.orders[1]).toMatchObject({ root: 'other', place: ['d15'] });
    expect(fake.word(Shared.ORDER)).toBe(fake.orders[1]?.number);
    expect(fake.word(Shared.SERVED)).toBe(0);
    expect(fake.memory).toHaveLength(1);
  });

  it('has closed its fds when the mount ends, and works for other mounts then', () => {
    const { prefetch, threads, fake } = setUp();
    for (const dir of [tree, ...below.slice(0, 20)]) prefetch.noteListing(dir);
    expect(fake.word(Shared.BUSY)).toBe(1);
    const begin = performance.now();
    prefetch.close();
    expect(performance.now() - begin).toBeGreaterThan(150);
    expect(fake.word(Shared.ORDER)).not.toBe(fake.orders[0]?.number);
    expect(fake.ended).toBe(0);
    fake.becomesIdle();
    const next = newPrefetch(threads);
    for (const dir of [tree, ...below.slice(0, 20)]) next.noteListing(dir);
    expect([fake.memory.length, fake.orders.length]).toEqual([1, 2]);
    fake.becomesIdle();
    next.close();
    threads.close();
    expect(fake.ended).toBe(1);
  });

  it('starts again at the place of the reader if the reader has overtaken it', () => {
    const { prefetch, fake } = setUp();
    const many = Array.from({ length: 1100 }, (_, i) => directory(tree, `d${i}`));
    for (const dir of [tree, ...many.slice(0, 600)]) prefetch.noteListing(dir);
    expect(fake.orders).toHaveLength(1);
    fake.becomesIdle();
    for (const dir of many.slice(600)) prefetch.noteListing(dir);
    expect(fake.orders.map(({ place }) => place)).toEqual([['d15'], ['d1023']]);
    prefetch.close();
  });

  it('is replaced if it has ended because it had no order', () => {
    const { prefetch, fake } = setUp();
    for (const dir of [tree, ...below.slice(0, 20)]) prefetch.noteListing(dir);
    Atomics.store(fake.memory[0] as Int32Array, Shared.BUSY, ENDED);
    const other = directory(root, 'other');
    for (const dir of [other, ...Array.from({ length: 16 }, (_, i) => directory(other, `d${i}`))])
      prefetch.noteListing(dir);
    expect(fake.memory).toHaveLength(2);
    expect(fake.orders).toHaveLength(2);
    expect(fake.ended).toBe(1);
    expect(Atomics.load(fake.memory[1] as Int32Array, Shared.BUSY)).toBe(1);
    prefetch.close();
  });

  it('gets fds of its own for the layers, which it closes', () => {
    const { prefetch, fake } = setUp();
    for (const dir of [tree, ...below.slice(0, 20)]) prefetch.noteListing(dir);
    const [root] = fake.orders[0]?.roots ?? [];
    expect(root).not.toBe(layer);
    expect(readlinkSync(`/proc/self/fd/${root}`)).toBe('/');
    closeSync(root as number);
  });

  it('is started only if few are at work; an idle one is used by another mount', () => {
    const fake = new FakeThreads();
    const threads = new PrefetchThreads(fake.start, 1);
    const [first, second] = [newPrefetch(threads), newPrefetch(threads)];
    const walk = (prefetch: TreePrefetch, name: string): void => {
      const walked = directory(root, name);
      prefetch.noteListing(walked);
      for (let i = 0; i < 20; i++) prefetch.noteListing(directory(walked, `d${i}`));
    };
    const walks = (): string[] => fake.orders.map((order) => order.root);
    walk(first, 'one');
    walk(second, 'two');
    expect(walks()).toEqual(['one']);
    fake.becomesIdle();
    walk(second, 'three');
    expect(walks()).toEqual(['one', 'three']);
    expect(fake.memory).toHaveLength(1);
    // The walk of the second mount is not changed by the first one.
    const [number, served] = [fake.word(Shared.ORDER), fake.word(Shared.SERVED)];
    for (const dir of [tree, ...below.slice(0, 20)]) first.noteListing(dir);
    first.close();
    expect([fake.word(Shared.ORDER), fake.word(Shared.SERVED)]).toEqual([number, served]);
    expect(walks()).toEqual(['one', 'three']);
  });

  it('gets no order, and so no fds, after it has died', () => {
    const { prefetch, fake } = setUp();
    fake.isAlive = false;
    for (const dir of [tree, ...below.slice(0, 20)]) prefetch.noteListing(dir);
    expect(fake.orders).toEqual([]);
    // The same mount starts no other.
    fake.isAlive = true;
    for (const dir of [directory(root, 'other'), tree, ...below.slice(0, 20)]) prefetch.noteListing(dir);
    expect([fake.orders.length, fake.memory.length]).toEqual([0, 1]);
  });

  it('that has died does not count as one of the few', () => {
    const fake = new FakeThreads();
    const threads = new PrefetchThreads(fake.start, 1);
    const walk = (): void => {
      const prefetch = newPrefetch(threads);
      for (const dir of [tree, ...below.slice(0, 20)]) prefetch.noteListing(dir);
    };
    walk();
    walk();
    expect(fake.orders).toHaveLength(1);
    fake.isAlive = false;
    walk();
    fake.isAlive = true;
    walk();
    expect(fake.orders).toHaveLength(2);
  });

  it('that stays walks through a small tree first, and is then used by the first mount', () => {
    const { prefetch, threads, fake } = setUp();
    threads.startStanding([layer], 3);
    expect(fake.word(Shared.BUSY)).toBe(1);
    const rounds: string[][] = [];
    for (const order of fake.orders) walkRounds(order, fake.memory[0] as Int32Array, () => readerOf(rounds), 1);
    expect(rounds).toEqual(new Array(3).fill(['', 'a']));
    const fds = fake.orders.flatMap(({ roots }) => roots);
    expect(fds).not.toContain(layer);
    fds.forEach(closeSync);
    fake.becomesIdle();
    for (const dir of [tree, ...below.slice(0, 20)]) prefetch.noteListing(dir);
    expect([fake.memory.length, fake.orders.length]).toEqual([1, 2]);
  });

  it('is not needed: without it the union works as before', () => {
    const refusing = new PrefetchThreads(() => {
      throw new Error('no thread');
    });
    const prefetch = new TreePrefetch([], refusing);
    for (const dir of [tree, ...below]) prefetch.noteListing(dir);
    prefetch.close();
  });
});
