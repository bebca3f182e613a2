/**
 * The same random script on aufs branches and on the kernel's overlayfs over the same content: every call answers alike
 * and the trees are equal, also after a new mount. Without pseudo-links, so that hard links part in both.
 *
 * PLYFS_SEEDS=7,8,9 runs other scripts. PLYFS_EACH_STEP=1 compares the trees after each step.
 */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { aufsForm, overlayForm } from '../conformance/forms.js';
import { materialize } from '../conformance/materialize.js';
import { LAYER_NAMES } from '../conformance/tree.js';
import { kernelOverlayUnavailable, mountAufs, mountKernel, mountsUnavailable, unmount } from '../harness/mounts.js';
import { Random } from '../harness/random.js';
import { makeLayerDirs, makeScratch, removeScratch } from '../harness/scratch.js';
import { type Snapshot, snapshot } from '../harness/snapshot.js';
import { randomLayers } from './harness/random-layers.js';
import { apply, HeldFiles, type Operation, randomOperations } from './harness/random-operations.js';

const unavailable = mountsUnavailable() ?? kernelOverlayUnavailable();
const seeds = process.env.PLYFS_SEEDS?.split(',').map(Number) ?? [11, 12, 13, 14];
const OPERATIONS = 600;
const RENAMES = new Set<Operation['kind']>(['rename', 'noreplace', 'exchange']);

/** Times that the clock set differ by nature; those of the script are of the last century. */
const withoutClock = (tree: Snapshot): Record<string, string> =>
  Object.fromEntries(
    Object.entries(tree).map(([path, facts]) => [path, facts.replace(/mtime=1\d{9}\.\d+/, 'mtime=clock')]),
  );

describe.skipIf(unavailable !== null)(`aufs beside the kernel${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  let base: string;
  const held = { kernel: new HeldFiles(), aufs: new HeldFiles() };
  const closeHeld = (): void => {
    held.kernel.close();
    held.aufs.close();
  };
  beforeEach(() => {
    base = makeScratch('aufs-random');
  });
  afterEach(() => {
    closeHeld();
    for (const side of ['kernel', 'aufs']) unmount(join(base, side, 'merged'));
    removeScratch(base);
  });

  it.each(seeds)('script %i', (seed) => {
    const random = new Random(seed);
    const layers = randomLayers(random);
    const [ofKernel, ofAufs] = ['kernel', 'aufs'].map((side) => {
      mkdirSync(join(base, side));
      const dirs = makeLayerDirs(join(base, side));
      const form = side === 'aufs' ? aufsForm : overlayForm;
      for (const name of LAYER_NAMES) materialize(join(base, side, name), layers[name] ?? {}, form);
      return dirs;
    }) as [ReturnType<typeof makeLayerDirs>, ReturnType<typeof makeLayerDirs>];

    const kernel = mountKernel(ofKernel);
    let aufs = mountAufs(ofAufs, ['noplink']);
    const compare = (recently: string): void =>
      expect(withoutClock(snapshot(aufs.mountpoint)), recently).toEqual(withoutClock(snapshot(kernel.mountpoint)));
    compare('before the script');
    const history: string[] = [];
    for (const operation of randomOperations(random, OPERATIONS)) {
      const { kind, path, other, number, asAlice } = operation;
      const expected = apply(kernel.mountpoint, operation, held.kernel);
      history.push(`${kind} ${path} ${other} ${number}${asAlice ? ' as alice' : ''} -> ${expected}`);
      // There are directories that aufs moves and the kernel does not.
      if (RENAMES.has(kind) && expected.includes('EXDEV')) continue;
      const recently = `step ${history.length}:\n${history.slice(-8).join('\n')}`;
      expect(apply(aufs.mountpoint, operation, held.aufs), recently).toBe(expected);
      if (process.env.PLYFS_EACH_STEP === '1') compare(recently);
    }
    compare('after the script');
    closeHeld();
    const before = snapshot(aufs.mountpoint);
    aufs.unmount();
    expect(readdirSync(join(ofAufs.upper, '.wh..wh.orph'))).toEqual([]);
    aufs = mountAufs(ofAufs, ['noplink']);
    expect(snapshot(aufs.mountpoint)).toEqual(before);
    aufs.unmount();
    kernel.unmount();
  });
});
