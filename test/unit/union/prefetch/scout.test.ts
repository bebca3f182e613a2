/** When a thread is sent ahead of a reader, and when it is called back. */
import { describe, expect, it } from 'vitest';
import type { EntryName, NodeId } from '../../../../src/core/brand.js';
import type { Layer } from '../../../../src/union/layers/layer.js';
import { DirectoryNode } from '../../../../src/union/nodes/node.js';
import { Scout } from '../../../../src/union/prefetch/scout.js';
import { ENDED, type ScoutOrder, Shared } from '../../../../src/union/prefetch/scout-walk.js';

let id = 1;

function directory(parent: DirectoryNode | null, name: string): DirectoryNode {
  return new DirectoryNode(id++ as NodeId, parent, name as EntryName, 0, null, []);
}

function setUp() {
  const orders: ScoutOrder[] = [];
  const memory: Int32Array[] = [];
  let ended = 0;
  const scout = new Scout([{ root: { fd: 5 } } as Layer], (_roots, shared) => {
    memory.push(shared);
    return { send: (order) => orders.push(order), end: () => ended++ };
  });
  const word = (index: number): number => Atomics.load(memory[0] as Int32Array, index);
  return { scout, orders, memory, word, ended: () => ended };
}

const root = directory(null, '');
const tree = directory(root, 'tree');
const below = Array.from({ length: 40 }, (_, i) => directory(tree, `d${i}`));

describe('a scout', () => {
  it('is sent behind the place of a reader who has listed sixteen directories below one', () => {
    const { scout, orders, memory } = setUp();
    scout.listed(tree);
    for (const dir of below.slice(0, 15)) scout.listed(dir);
    expect(memory).toHaveLength(0);
    scout.listed(below[15] as DirectoryNode);
    expect(orders).toMatchObject([{ root: 'tree', place: ['d15'] }]);
  });

  it('is not sent for directories that do not lie in one tree', () => {
    const { scout, orders } = setUp();
    for (let i = 0; i < 40; i++) scout.listed(directory(root, `other${i}`));
    expect(orders).toEqual([]);
  });

  it('hears how far the reader has come', () => {
    const { scout, word } = setUp();
    for (const dir of [tree, ...below.slice(0, 20)]) scout.listed(dir);
    expect(word(Shared.SERVED)).toBe(4);
  });

  it('is called back when the reader leaves the tree, and sent again to another one', () => {
    const { scout, orders, word, memory } = setUp();
    for (const dir of [tree, ...below.slice(0, 20)]) scout.listed(dir);
    const other = directory(root, 'other');
    scout.listed(other);
    expect(word(Shared.ORDER)).not.toBe(orders[0]?.number);
    for (let i = 0; i < 16; i++) scout.listed(directory(other, `d${i}`));
    expect(orders).toHaveLength(2);
    expect(orders[1]).toMatchObject({ root: 'other', place: ['d15'] });
    expect(word(Shared.ORDER)).toBe(orders[1]?.number);
    expect(word(Shared.SERVED)).toBe(0);
    expect(memory).toHaveLength(1);
  });

  it('is waited for at the end of the mount, so that it has no fd open', () => {
    const { scout, word, memory, ended } = setUp();
    for (const dir of [tree, ...below.slice(0, 20)]) scout.listed(dir);
    expect(word(Shared.BUSY)).toBe(1);
    const begin = performance.now();
    scout.close();
    expect(performance.now() - begin).toBeGreaterThan(150);
    expect(ended()).toBe(1);
    Atomics.store(memory[0] as Int32Array, Shared.BUSY, 0);
    scout.close();
    expect(ended()).toBe(1);
  });

  it('is sent again, from where the reader is now, if it has left the reader', () => {
    const { scout, orders, memory } = setUp();
    const many = Array.from({ length: 1100 }, (_, i) => directory(tree, `d${i}`));
    for (const dir of [tree, ...many.slice(0, 600)]) scout.listed(dir);
    expect(orders).toHaveLength(1);
    Atomics.store(memory[0] as Int32Array, Shared.BUSY, 0);
    for (const dir of many.slice(600)) scout.listed(dir);
    expect(orders.map(({ place }) => place)).toEqual([['d15'], ['d1023']]);
    scout.close();
  });

  it('is another one when the first has ended for want of orders', () => {
    const { scout, orders, memory, word, ended } = setUp();
    for (const dir of [tree, ...below.slice(0, 20)]) scout.listed(dir);
    Atomics.store(memory[0] as Int32Array, Shared.BUSY, ENDED);
    const other = directory(root, 'other');
    for (const dir of [other, ...Array.from({ length: 16 }, (_, i) => directory(other, `d${i}`))]) scout.listed(dir);
    expect(memory).toHaveLength(2);
    expect(orders).toHaveLength(2);
    expect(ended()).toBe(1);
    expect(word(Shared.BUSY)).toBe(1);
    scout.close();
  });

  it('may not be had, which stops nobody', () => {
    const scout = new Scout([], () => {
      throw new Error('no thread');
    });
    for (const dir of [tree, ...below]) scout.listed(dir);
    scout.close();
  });
});
