/**
 * The same script on plyfs and on the kernel's overlayfs over equal layers: every call answers the same, the trees are
 * equal, and each server goes on with what the other one wrote.
 *
 * PLYFS_SEEDS=7,8,9 runs other scripts. PLYFS_EACH_STEP=1 compares the trees after each step, to find the first one
 * that goes wrong.
 */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { materialize } from '../conformance/materialize.js';
import { LAYER_NAMES } from '../conformance/tree.js';
import {
  kernelOverlayUnavailable,
  type Mounted,
  mountKernel,
  mountPlyfs,
  mountsUnavailable,
  unmount,
} from '../harness/mounts.js';
import { Random } from '../harness/random.js';
import { type LayerDirs, makeLayerDirs, makeScratch, removeScratch } from '../harness/scratch.js';
import { type Snapshot, snapshot } from '../harness/snapshot.js';
import { randomLayers } from './harness/random-layers.js';
import { apply, HeldFiles, type Operation, randomOperations } from './harness/random-operations.js';

const unavailable = mountsUnavailable() ?? kernelOverlayUnavailable();
const OPERATIONS = 400;

/** However the kernel is configured. */
const KERNEL_DEFAULTS = ['xino=off'];
/** The scripts to run: these, or those that were asked for. */
function scripts(own: readonly number[]): readonly number[] {
  return process.env.PLYFS_SEEDS?.split(',').map(Number) ?? own;
}

/** Plain layers; every feature that leaves a part of an object where it was; hard links that stay. */
const OPTIONS = [
  { options: ['redirect_dir=off', 'metacopy=off', 'index=off'], seeds: scripts([1, 2, 3, 4, 5, 6]) },
  { options: ['redirect_dir=on', 'metacopy=on', 'index=off'], seeds: scripts([11, 12]) },
  { options: ['redirect_dir=off', 'metacopy=off', 'index=on'], seeds: scripts([14]) },
  { options: ['redirect_dir=on', 'metacopy=on', 'index=on'], seeds: scripts([15, 16]) },
];

/** Times of the script itself are of the last century; what is later was set by the clock and differs by nature. */
const CLOCK = 1_000_000_000;
const withoutClock = (tree: Snapshot): Record<string, string> =>
  Object.fromEntries(
    Object.entries(tree).map(([path, facts]) => [
      path,
      facts.replace(/mtime=(\d+)\.\d+/, (mtime, sec: string) => (Number(sec) > CLOCK ? 'mtime=clock' : mtime)),
    ]),
  );

describe.skipIf(unavailable !== null).each(OPTIONS)(
  `interchange with the kernel, $options${unavailable === null ? '' : `: ${unavailable}`}`,
  ({ options, seeds }) => {
    let base: string;
    let ofKernel: LayerDirs;
    let ofPlyfs: LayerDirs;
    const [heldByKernel, heldByPlyfs] = [new HeldFiles(), new HeldFiles()];
    const closeHeld = (): void => {
      heldByKernel.close();
      heldByPlyfs.close();
    };

    beforeEach(() => {
      base = makeScratch('interchange');
      mkdirSync(join(base, 'kernel'));
      mkdirSync(join(base, 'plyfs'));
      ofKernel = makeLayerDirs(join(base, 'kernel'));
      ofPlyfs = makeLayerDirs(join(base, 'plyfs'));
    });
    afterEach(() => {
      closeHeld();
      unmount(ofKernel.mountpoint);
      unmount(ofPlyfs.mountpoint);
      removeScratch(base);
    });

    const kernelWith = (layers: LayerDirs): Mounted => mountKernel(layers, [...KERNEL_DEFAULTS, ...options]);
    const plyfsWith = (layers: LayerDirs): Mounted => mountPlyfs(layers, options);

    /** Mounts both, applies the script to both step by step, unmounts, and returns both trees. */
    function runBoth(kernel: LayerDirs, plyfs: LayerDirs, script: readonly Operation[]): [Snapshot, Snapshot] {
      const mounts: [Mounted, Mounted] = [kernelWith(kernel), plyfsWith(plyfs)];
      const [byKernel, byPlyfs] = mounts.map(({ mountpoint }) => mountpoint) as [string, string];
      expect(withoutClock(snapshot(byPlyfs)), 'before the script').toEqual(withoutClock(snapshot(byKernel)));
      const history: string[] = [];
      for (const operation of script) {
        const expected = apply(byKernel, operation, heldByKernel);
        const got = apply(byPlyfs, operation, heldByPlyfs);
        const { kind, path, other, number, asAlice } = operation;
        history.push(`${kind} ${path} ${other} ${number}${asAlice ? ' as alice' : ''} -> ${expected}`);
        const recently = `step ${history.length}:\n${history.slice(-8).join('\n')}`;
        expect(got, recently).toBe(expected);
        if (process.env.PLYFS_EACH_STEP === '1') {
          expect(withoutClock(snapshot(byPlyfs)), recently).toEqual(withoutClock(snapshot(byKernel)));
        }
      }
      const trees: [Snapshot, Snapshot] = [snapshot(byKernel), snapshot(byPlyfs)];
      closeHeld();
      for (const mounted of mounts) mounted.unmount();
      return trees;
    }

    it.each(seeds)('script %i: each answers alike, and takes over what the other one wrote', (seed) => {
      const random = new Random(seed);
      const layers = randomLayers(random);
      for (const name of LAYER_NAMES) {
        for (const side of ['kernel', 'plyfs']) materialize(join(base, side, name), layers[name] ?? {});
      }

      const [byKernel, byPlyfs] = runBoth(ofKernel, ofPlyfs, randomOperations(random, OPERATIONS));
      expect(withoutClock(byPlyfs)).toEqual(withoutClock(byKernel));

      // Changed places. First nothing may look different to the other server, clock times included.
      for (const [dirs, mount, before] of [
        [ofPlyfs, kernelWith, byPlyfs],
        [ofKernel, plyfsWith, byKernel],
      ] as const) {
        const mounted = mount(dirs);
        const seen = snapshot(mounted.mountpoint);
        mounted.unmount();
        expect(seen, `${mount.name} shows what the other one left`).toEqual(before);
      }

      const [later, laterByPlyfs] = runBoth(ofPlyfs, ofKernel, randomOperations(random, OPERATIONS));
      expect(withoutClock(laterByPlyfs)).toEqual(withoutClock(later));
    });
  },
);
