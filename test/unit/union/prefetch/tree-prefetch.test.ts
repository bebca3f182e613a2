/** The start and the end of the thread that reads directories ahead of a reader. */
import { closeSync, openSync, readlinkSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EntryName, NodeId } from '../../../../src/core/brand.js';
import type { Layer } from '../../../../src/union/layers/layer.js';
import { DirectoryNode } from '../../../../src/union/nodes/node.js';
import { PrefetchSlots } from '../../../../src/union/prefetch/prefetch-slots.js';
import { type PrefetchOrder, TreePrefetch } from '../../../../src/union/prefetch/tree-prefetch.js';
import { ENDED, Shared } from '../../../../src/union/prefetch/tree-walk.js';

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

function setUp(slots = new PrefetchSlots()) {
  const orders: PrefetchOrder[] = [];
  const memory: Int32Array[] = [];
  let ended = 0;
  const thread = { isAlive: true, send: (order: PrefetchOrder) => orders.push(order), end: () => ended++ };
  const prefetch = new TreePrefetch([{ root: { fd: layer } } as Layer], slots, (shared) => {
    memory.push(shared);
    return thread;
  });
  const word = (index: number): number => Atomics.load(memory[0] as Int32Array, index);
  return { prefetch, orders, memory, word, thread, ended: () => ended };
}

const root = directory(null, '');
const tree = directory(root, 'tree');
const below = Array.from({ length: 40 }, (_, i) => directory(tree, `d${i}`));

describe('the thread that reads ahead in a tree', () => {
  it('starts after the place of the reader when sixteen directories below one have been listed', () => {
    const { prefetch, orders, memory } = setUp();
    prefetch.noteListing(tree);
    for (const dir of below.slice(0, 15)) prefetch.noteListing(dir);
    expect(memory).toHaveLength(0);
    prefetch.noteListing(below[15] as DirectoryNode);
    expect(orders).toMatchObject([{ root: 'tree', place: ['d15'] }]);
  });

  it('does not start for directories of several trees', () => {
    const { prefetch, orders } = setUp();
    for (let i = 0; i < 40; i++) prefetch.noteListing(directory(root, `other${i}`));
    expect(orders).toEqual([]);
  });

  it('knows how many directories the reader has listed', () => {
    const { prefetch, word } = setUp();
    for (const dir of [tree, ...below.slice(0, 20)]) prefetch.noteListing(dir);
    expect(word(Shared.SERVED)).toBe(4);
  });

  it('stops when the reader leaves the tree, and starts again in another tree', () => {
    const { prefetch, orders, word, memory } = setUp();
    for (const dir of [tree, ...below.slice(0, 20)]) prefetch.noteListing(dir);
    const other = directory(root, 'other');
    prefetch.noteListing(other);
    expect(word(Shared.ORDER)).not.toBe(orders[0]?.number);
    for (let i = 0; i < 16; i++) prefetch.noteListing(directory(other, `d${i}`));
    expect(orders).toHaveLength(2);
    expect(orders[1]).toMatchObject({ root: 'other', place: ['d15'] });
    expect(word(Shared.ORDER)).toBe(orders[1]?.number);
    expect(word(Shared.SERVED)).toBe(0);
    expect(memory).toHaveLength(1);
  });

  it('has closed its fds when the mount ends', () => {
    const { prefetch, word, memory, ended } = setUp();
    for (const dir of [tree, ...below.slice(0, 20)]) prefetch.noteListing(dir);
    expect(word(Shared.BUSY)).toBe(1);
    const begin = performance.now();
    prefetch.close();
    expect(performance.now() - begin).toBeGreaterThan(150);
    expect(ended()).toBe(1);
    Atomics.store(memory[0] as Int32Array, Shared.BUSY, 0);
    prefetch.close();
    expect(ended()).toBe(1);
  });

  it('starts again at the place of the reader if the reader has overtaken it', () => {
    const { prefetch, orders, memory } = setUp();
    const many = Array.from({ length: 1100 }, (_, i) => directory(tree, `d${i}`));
    for (const dir of [tree, ...many.slice(0, 600)]) prefetch.noteListing(dir);
    expect(orders).toHaveLength(1);
    Atomics.store(memory[0] as Int32Array, Shared.BUSY, 0);
    for (const dir of many.slice(600)) prefetch.noteListing(dir);
    expect(orders.map(({ place }) => place)).toEqual([['d15'], ['d1023']]);
    prefetch.close();
  });

  it('is replaced if it has ended because it had no order', () => {
    const { prefetch, orders, memory, word, ended } = setUp();
    for (const dir of [tree, ...below.slice(0, 20)]) prefetch.noteListing(dir);
    Atomics.store(memory[0] as Int32Array, Shared.BUSY, ENDED);
    const other = directory(root, 'other');
    for (const dir of [other, ...Array.from({ length: 16 }, (_, i) => directory(other, `d${i}`))])
      prefetch.noteListing(dir);
    expect(memory).toHaveLength(2);
    expect(orders).toHaveLength(2);
    expect(ended()).toBe(1);
    expect(word(Shared.BUSY)).toBe(1);
    prefetch.close();
  });

  it('gets fds of its own for the layers, which it closes', () => {
    const { prefetch, orders } = setUp();
    for (const dir of [tree, ...below.slice(0, 20)]) prefetch.noteListing(dir);
    const [root] = orders[0]?.roots ?? [];
    expect(root).not.toBe(layer);
    expect(readlinkSync(`/proc/self/fd/${root}`)).toBe('/');
    closeSync(root as number);
  });

  it('is started only if few mounts have one at work; an idle one of another mount ends for it', () => {
    const slots = new PrefetchSlots(1);
    const [first, second] = [setUp(slots), setUp(slots)];
    const walk = ({ prefetch }: typeof first): void => {
      const other = directory(root, 'walked');
      prefetch.noteListing(other);
      for (let i = 0; i < 20; i++) prefetch.noteListing(directory(other, `d${i}`));
    };
    walk(first);
    walk(second);
    expect([first, second].map(({ orders }) => orders.length)).toEqual([1, 0]);
    Atomics.store(first.memory[0] as Int32Array, Shared.BUSY, 0);
    walk(second);
    expect(first.ended()).toBe(1);
    expect(second.orders).toHaveLength(1);
    Atomics.store(second.memory[0] as Int32Array, Shared.BUSY, 0);
    walk(first);
    expect(second.ended()).toBe(1);
    expect(first.orders).toHaveLength(2);
  });

  it('gets no order, and so no fds, after it has died', () => {
    const { prefetch, orders, thread, word } = setUp();
    thread.isAlive = false;
    for (const dir of [tree, ...below.slice(0, 20)]) prefetch.noteListing(dir);
    expect(orders).toEqual([]);
    expect(word(Shared.BUSY)).toBe(0);
  });

  it('is not needed: without it the union works as before', () => {
    const prefetch = new TreePrefetch([], new PrefetchSlots(), () => {
      throw new Error('no thread');
    });
    for (const dir of [tree, ...below]) prefetch.noteListing(dir);
    prefetch.close();
  });
});
