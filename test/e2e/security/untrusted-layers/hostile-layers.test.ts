/**
 * Layers made by an attacker: plyfs shows the same objects as the kernel's overlayfs, and reaches nothing
 * outside of the layers.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  kernelOverlayUnavailable,
  type Mounted,
  mountAufs,
  mountPlyfs,
  mountsUnavailable,
  overlayOptions,
  unmount,
} from '../../../harness/mounts.js';
import {
  type LayerDirs,
  makeLayerDirs,
  makeScratch,
  removeScratch,
  type WritableLayerDirs,
} from '../../../harness/scratch.js';
import * as sys from '../../../harness/sys/index.js';
import { withDeadline } from '../../harness/deadline.js';
import { contentsBelow } from './contents.js';
import { changeAll, look, MARKER_NAMES, makeBase, makeHostile, makeMarkerNames } from './hostile-marks.js';
import { Outside, SECRET } from './outside.js';

const unavailable = mountsUnavailable() ?? kernelOverlayUnavailable();

type Place = 'lower1' | 'upper';
/** The mount options with which the marks have most effect, and least. */
const OPTIONS: Readonly<Record<string, readonly string[]>> = {
  'redirect_dir=on,metacopy=on': ['redirect_dir=on', 'metacopy=on', 'index=off', 'xino=off'],
  'redirect_dir=nofollow,metacopy=off': ['redirect_dir=nofollow', 'metacopy=off', 'index=off', 'xino=off'],
};

function mountKernelWith(layers: LayerDirs, options: readonly string[]): Mounted {
  const all = overlayOptions(layers, options);
  const done = spawnSync('mount', ['-t', 'overlay', 'overlay', '-o', all, layers.mountpoint], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(done.stderr);
  return { mountpoint: layers.mountpoint, unmount: () => unmount(layers.mountpoint) };
}

/** Paths for which plyfs refuses what the kernel shows, or reads it in another harmless way. */
const DEVIATIONS: readonly RegExp[] = [
  // A redirect with a NUL is invalid; the kernel uses the part before it.
  /^\/(metacopy and )?redirect: a NUL/,
  // An attribute makes the file a whiteout, but its directory has no mark that it contains such whiteouts.
  // Both programs list it; plyfs also shows it.
  /^\/whiteout: something \(file\)/,
];
/** The scratch directory, which differs and is in the targets of symlinks. */
const SCRATCH = /\/(plyfs|kernel) \d+ /g;
const REFUSED = /^(file of \d+: )?E[A-Z]+$/;

function agree(path: string, actual: string, expected: string, options: string): boolean {
  if (DEVIATIONS.some((deviation) => deviation.test(path))) return true;
  // An incomplete file whose redirect must not be followed is refused by open(2) or by the lookup.
  if (options.includes('nofollow') && REFUSED.test(actual) && REFUSED.test(expected)) return true;
  // If several directories redirect to one lower directory, the kernel shows only the one that is looked up
  // first.
  if (expected === 'ESTALE' || (expected === '-' && path.startsWith('/redirect'))) return true;
  return actual.replace(SCRATCH, '/') === expected.replace(SCRATCH, '/');
}

describe.skipIf(unavailable !== null)(`hostile layers${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  let base: string;
  beforeAll(() => {
    base = makeScratch('hostile');
  });
  afterAll(() => removeScratch(base));

  /**
   * Makes the layers of one mount in a new directory, so that plyfs does not find marks that the kernel has
   * written.
   */
  function makeHostileLayers(
    name: string,
    place: Place,
  ): { layers: WritableLayerDirs; outside: Outside; names: string[] } {
    const at = join(base, name);
    mkdirSync(at);
    const layers = makeLayerDirs(at);
    const outside = new Outside(at);
    const below = join(at, 'lower2');
    makeBase(below, outside);
    return { layers, outside, names: makeHostile(join(at, place), below, outside) };
  }

  describe.each(Object.keys(OPTIONS))('with %s', (word) => {
    const options = OPTIONS[word] as readonly string[];
    it.each(['lower1', 'upper'] as const)('in %s show the same as in the kernel', (place) => {
      const kernel = makeHostileLayers(`kernel ${word.length} ${place}`, place);
      const ours = makeHostileLayers(`plyfs ${word.length} ${place}`, place);
      const byKernel = mountKernelWith(kernel.layers, options);
      let expected: Record<string, string>;
      try {
        expected = look(byKernel.mountpoint);
      } finally {
        byKernel.unmount();
      }
      const byUs = mountPlyfs(ours.layers, options);
      let actual: Record<string, string>;
      try {
        actual = withDeadline(byUs.mountpoint, 60, () => look(byUs.mountpoint));
      } finally {
        byUs.unmount();
      }
      const paths = Object.keys({ ...expected, ...actual });
      const different = paths.filter((path) => !agree(path, actual[path] ?? '-', expected[path] ?? '-', word));
      const values = (from: Record<string, string>) => Object.fromEntries(different.map((path) => [path, from[path]]));
      expect(values(actual)).toEqual(values(expected));
    });
  });

  const MOUNTS: Readonly<Record<string, (layers: WritableLayerDirs) => Mounted>> = {
    overlay: (layers) => mountPlyfs(layers, ['redirect_dir=on', 'metacopy=on', 'volatile']),
    aufs: (layers) => mountAufs(layers, ['volatile']),
  };
  describe.each(Object.keys(MOUNTS))('on %s', (dialect) => {
    it.each(['lower1', 'upper'] as const)('in %s do not lead out of the layers when everything is changed', (place) => {
      const { layers, outside, names } = makeHostileLayers(`changed ${dialect} ${place}`, place);
      makeMarkerNames(join(base, `changed ${dialect} ${place}`, place), outside);
      const before = outside.facts();
      const mounted = (MOUNTS[dialect] as (layers: WritableLayerDirs) => Mounted)(layers);
      try {
        const { mountpoint } = mounted;
        withDeadline(mountpoint, 100, () => {
          const shown = look(mountpoint);
          expect(Object.entries(shown).filter(([, facts]) => facts.includes(SECRET))).toEqual([]);
          changeAll(mountpoint, [...names, ...MARKER_NAMES, 'plain', 'link', 'way-out', 'file']);
          look(mountpoint);
        });
        sys.writeFile(join(mountpoint, 'after'), 'fine');
        expect(sys.readFile(join(mountpoint, 'after'))).toBe('fine');
      } finally {
        mounted.unmount();
      }
      expect(outside.facts()).toEqual(before);
      for (const layer of [layers.upper, layers.work, ...layers.lowers])
        expect(contentsBelow(layer).filter(([, content]) => content.includes(SECRET))).toEqual([]);
    });
  });
});
