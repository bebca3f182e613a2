/** The prefetch thread and the fds that it uses. */
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EntryName, NodeId } from '../../../src/core/brand.js';
import type { Layer } from '../../../src/union/layers/layer.js';
import { DirectoryNode } from '../../../src/union/nodes/node.js';
import type { TreePrefetch as Prefetch } from '../../../src/union/prefetch/tree-prefetch.js';
import { Faults, FaultyLayer } from '../../harness/faulty-layer.js';
import { mountsUnavailable, waitFor } from '../../harness/mounts.js';
import { makeScratch, removeScratch } from '../../harness/scratch.js';

const program = new URL('../../../dist/union/prefetch/tree-prefetch.js', import.meta.url).href;
const { TreePrefetch } = (await import(program)) as { TreePrefetch: typeof Prefetch };
const unavailable = mountsUnavailable();

let nextId = 1;
function directory(parent: DirectoryNode | null, name: string): DirectoryNode {
  return new DirectoryNode(nextId++ as NodeId, parent, name as EntryName, 0, null, []);
}

/** The number of fds of this process that have an object of `path` open. */
function openBelow(path: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(path);
    } catch {
      return false; // The fd with which the directory was read.
    }
  }).length;
}

describe.skipIf(unavailable !== null)(`the prefetch thread${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  const faults = new Faults();
  let home: string;
  let mountpoint: string;
  let layer: FaultyLayer;
  beforeEach(async () => {
    home = makeScratch('prefetch');
    mountpoint = join(home, 'faulty');
    for (let i = 0; i < 100; i++) mkdirSync(join(home, `layer/tree/d${i}/e`), { recursive: true });
    mkdirSync(mountpoint);
    layer = await FaultyLayer.mount(join(home, 'layer'), mountpoint, faults, 0);
  });
  afterEach(async () => {
    faults.disarm();
    await layer.unmount();
    removeScratch(home);
  });

  /** Starts the thread on the layer, as a reader that has listed twenty directories does. */
  function begin(root: number): Prefetch {
    const prefetch = new TreePrefetch([{ root: { fd: root } } as Layer]);
    const tree = directory(directory(null, ''), 'tree');
    prefetch.noteListing(tree);
    for (let i = 0; i < 20; i++) prefetch.noteListing(directory(tree, `d${i}`));
    return prefetch;
  }

  it('has closed its fds when the mount has ended', async () => {
    const root = openSync(mountpoint, 'r');
    const prefetch = begin(root);
    await waitFor(() => openBelow(mountpoint) > 1, 'the walk to begin');
    prefetch.close();
    closeSync(root);
    expect(openBelow(mountpoint)).toBe(0);
  });

  it('uses no fd that the mount has closed, and closes its own, if the layer hangs longer', async () => {
    const root = openSync(mountpoint, 'r');
    faults.arm({ n: 3, errno: 'hang', kinds: ['READDIR', 'READDIRPLUS', 'OPENDIR'] });
    const prefetch = begin(root);
    await waitFor(() => faults.hits > 0, 'the layer to hang');
    prefetch.close();
    closeSync(root);
    mkdirSync(join(home, 'other/tree/d50/e'), { recursive: true });
    const other = openSync(join(home, 'other'), 'r');
    expect(other).toBe(root);
    const position = (): string => readFileSync(`/proc/self/fdinfo/${other}`, 'latin1');
    const before = position();
    faults.disarm();
    await waitFor(() => openBelow(mountpoint) === 0, 'the thread to close its fds');
    expect(position()).toBe(before);
    closeSync(other);
  });
});
