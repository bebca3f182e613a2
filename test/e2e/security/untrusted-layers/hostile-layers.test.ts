/**
 * Layers made by an attacker: what they show is what the kernel's overlayfs shows of them, and nothing else
 * is reached.
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
import { type LayerDirs, makeLayerDirs, makeScratch, removeScratch } from '../../../harness/scratch.js';
import * as sys from '../../../harness/sys/index.js';
import { withDeadline } from '../../harness/deadline.js';
import { contentsBelow } from './contents.js';
import { changeAll, look, MARKER_NAMES, makeBase, makeHostile, makeMarkerNames } from './hostile-marks.js';
import { Outside, SECRET } from './outside.js';

const unavailable = mountsUnavailable() ?? kernelOverlayUnavailable();

type Place = 'lower1' | 'upper';
type Writable = LayerDirs & { readonly upper: string };

/** The mount options under which the marks mean most, and least. */
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

/** What plyfs answers otherwise than the kernel, and refuses, or reads as harmlessly. */
const DEVIATIONS: readonly RegExp[] = [
  // A redirect with a NUL is invalid; the kernel takes what stands before it.
  /^\/(metacopy and )?redirect: a NUL/,
  // An attribute makes it a whiteout, and its directory does not say that it has such: both list it, plyfs
  // shows what it listed.
  /^\/whiteout: something \(file\)/,
];
/** Scratch directories differ, and stand in the targets of symlinks. */
const SCRATCH = /\/(plyfs|kernel) \d+ /g;
const REFUSED = /^(file of \d+: )?E[A-Z]+$/;

function agree(path: string, actual: string, expected: string, options: string): boolean {
  if (DEVIATIONS.some((deviation) => deviation.test(path))) return true;
  // Incomplete files that are not to be followed are refused when they are opened, not when they are looked
  // up.
  if (options.includes('nofollow') && REFUSED.test(actual) && REFUSED.test(expected)) return true;
  // Of directories that lead to one lower directory the kernel shows the one that is asked for first.
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
   * The layers of one mount, all below a directory of its own: what a kernel mount writes is not to be found
   * by ours.
   */
  function lay(name: string, place: Place): { layers: Writable; outside: Outside; names: string[] } {
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
    it.each(['lower1', 'upper'] as const)('in %s show what the kernel shows', (place) => {
      const kernel = lay(`kernel ${word.length} ${place}`, place);
      const ours = lay(`plyfs ${word.length} ${place}`, place);
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
      const told = (from: Record<string, string>) => Object.fromEntries(different.map((path) => [path, from[path]]));
      expect(told(actual)).toEqual(told(expected));
    });
  });

  const MOUNTS: Readonly<Record<string, (layers: Writable) => Mounted>> = {
    overlay: (layers) => mountPlyfs(layers, ['redirect_dir=on', 'metacopy=on', 'volatile']),
    aufs: (layers) => mountAufs(layers, ['volatile']),
  };
  describe.each(Object.keys(MOUNTS))('%s', (dialect) => {
    it.each(['lower1', 'upper'] as const)('in %s lead nobody out when everything is changed', (place) => {
      const { layers, outside, names } = lay(`changed ${dialect} ${place}`, place);
      makeMarkerNames(join(base, `changed ${dialect} ${place}`, place), outside);
      const before = outside.facts();
      const mounted = (MOUNTS[dialect] as (layers: Writable) => Mounted)(layers);
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
