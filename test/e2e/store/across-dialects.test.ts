/** A union whose layers are converted into the other dialect between two mounts shows the same tree. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { materialize } from '../../conformance/materialize.js';
import { LAYER_NAMES } from '../../conformance/tree.js';
import {
  kernelOverlayUnavailable,
  type Mounted,
  mountAufs,
  mountKernel,
  mountPlyfs,
  mountsUnavailable,
  PLYFS,
  unmount,
} from '../../harness/mounts.js';
import { Random } from '../../harness/random.js';
import { type LayerDirs, makeLayerDirs, makeScratch, removeScratch } from '../../harness/scratch.js';
import { type Snapshot, snapshot } from '../../harness/snapshot.js';
import { randomLayers } from '../harness/random-layers.js';
import { apply, HeldFiles, randomOperations } from '../harness/random-operations.js';
import { run } from '../harness/sandbox.js';

const unavailable = mountsUnavailable() ?? kernelOverlayUnavailable();
const seeds = process.env.PLYFS_LAYER_SEEDS?.split(',').map(Number) ?? [1, 2, 3];
const OPERATIONS = 300;

describe.skipIf(unavailable !== null)(`across dialects ${unavailable ?? ''}`, () => {
  let base: string;
  let overlay: LayerDirs;
  let aufs: LayerDirs;
  const held = new HeldFiles();

  beforeEach(() => {
    base = makeScratch('across');
    for (const name of ['overlay', 'aufs']) mkdirSync(join(base, name));
    overlay = makeLayerDirs(join(base, 'overlay'));
    aufs = makeLayerDirs(join(base, 'aufs'));
  });
  afterEach(() => {
    held.close();
    unmount(overlay.mountpoint);
    unmount(aufs.mountpoint);
    removeScratch(base);
  });

  /** Runs a script, which may be empty, in the union. Returns a snapshot of it. */
  function after(random: Random, operations: number, mounted: Mounted): Snapshot {
    try {
      for (const operation of randomOperations(random, operations)) apply(mounted.mountpoint, operation, held);
      held.close();
      return snapshot(mounted.mountpoint);
    } finally {
      mounted.unmount();
    }
  }

  function convert(to: string, from: string, name: string, destination = name): void {
    const args = ['convert', '--volatile', '--to', to, join(base, from, name), join(base, to, destination)];
    expect(run(PLYFS, args)).toEqual({ status: 0, stdout: '', stderr: '' });
  }

  it.each(seeds)(
    'script %i leaves a tree that stays the same as aufs, and after that as an overlay of the kernel',
    (seed) => {
      const random = new Random(seed);
      const layers = randomLayers(random);
      for (const name of LAYER_NAMES) materialize(join(base, 'overlay', name), layers[name] ?? {});
      const inOverlay = after(random, OPERATIONS, mountPlyfs(overlay));

      for (const name of LAYER_NAMES) convert('aufs', 'overlay', name);
      expect(after(random, 0, mountAufs(aufs))).toEqual(inOverlay);
      // noplink: an overlay breaks hard links where aufs keeps them with pseudo-links.
      const inAufs = after(random, OPERATIONS, mountAufs(aufs, ['noplink']));

      convert('overlay', 'aufs', 'upper', 'converted');
      const back = { ...overlay, upper: join(base, 'overlay/converted') };
      expect(after(random, 0, mountKernel(back))).toEqual(inAufs);
      expect(after(random, 0, mountPlyfs(back))).toEqual(inAufs);
    },
  );
});
