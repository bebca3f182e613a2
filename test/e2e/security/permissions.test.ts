/**
 * Ordinary users on a mount of root: they have the permissions that they have on ext4, and each change has
 * the same effects.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  kernelOverlayUnavailable,
  type Mounted,
  mountAufs,
  mountKernel,
  mountPlyfs,
  mountsUnavailable,
} from '../../harness/mounts.js';
import { Random } from '../../harness/random.js';
import { type LayerDirs, makeLayerDirs, makeScratch, removeScratch } from '../../harness/scratch.js';
import { cells, makeObjects, runCells } from './permission-matrix.js';

const unavailable = mountsUnavailable() ?? kernelOverlayUnavailable();

interface TestedUnion {
  /** The layer that has the objects. */
  readonly layer: 'lower1' | 'upper';
  mount(layers: LayerDirs): Mounted;
  /**
   * Maps operations whose cells differ from ext4 to the reason. An operation that no longer differs must be
   * removed here.
   */
  readonly deviations: Readonly<Record<string, string>>;
}

/** Cells that were wrong once are always tried. */
const ALWAYS_TRIED = new Set([
  'owner: chgrp to the group (file: set-gid without group execute)',
  'owner: chown to the owner (file: set-gid without group execute)',
  'owner: set default ACL (directory: set-gid)',
]);

/** The default run tries one of so many other cells, always the same ones. PLYFS_MATRIX=all tries all. */
const ONE_OF = process.env.PLYFS_MATRIX === 'all' ? 1 : 11;

const REMOVE_ACL = 'a missing ACL of a lower file: ENODATA, as for any other xattr (ext4: no error)';
const CHOWN =
  "chown(-1, -1) of somebody else's file is no error, and does nothing: the kernel's FUSE asks for no right";
const PLYFS = { 'remove ACL': REMOVE_ACL, 'chown to nobody': CHOWN };

const UNIONS: Readonly<Record<string, TestedUnion>> = {
  "the kernel's overlayfs": { layer: 'lower1', mount: mountKernel, deviations: { 'remove ACL': REMOVE_ACL } },
  'plyfs, objects in a lower layer': {
    layer: 'lower1',
    mount: (layers) => mountPlyfs(layers, ['volatile']),
    deviations: PLYFS,
  },
  'plyfs, objects in the upper': {
    layer: 'upper',
    mount: (layers) => mountPlyfs(layers, ['volatile']),
    deviations: { 'chown to nobody': CHOWN },
  },
  'plyfs aufs': {
    layer: 'lower1',
    mount: (layers) => mountAufs(layers, ['volatile']),
    deviations: PLYFS,
  },
};

describe.skipIf(unavailable !== null)(`permissions${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  const random = new Random(1);
  const tried = cells().filter(({ name }) => random.int(ONE_OF) === 0 || ALWAYS_TRIED.has(name));
  let expected: Record<string, string>;
  let base: string;
  let mounted: Mounted | null = null;
  beforeAll(() => {
    const plain = makeScratch('permissions-plain');
    try {
      const root = join(plain, 'tree');
      mkdirSync(root);
      makeObjects(root, tried);
      expected = runCells(root, tried);
    } finally {
      removeScratch(plain);
    }
  });
  beforeEach(() => {
    base = makeScratch('permissions');
  });
  afterEach(() => {
    mounted?.unmount();
    mounted = null;
    removeScratch(base);
  });

  it.each(Object.entries(UNIONS))('are those of ext4 on %s', (_name, { layer, mount, deviations }) => {
    const layers = makeLayerDirs(base);
    const tree = join(base, layer, 'tree');
    mkdirSync(tree);
    makeObjects(tree, tried);
    mounted = mount(layers);
    const actual = runCells(join(mounted.mountpoint, 'tree'), tried);
    const different = tried.filter(({ name }) => actual[name] !== expected[name]);
    const unexpected = different.filter(({ word }) => deviations[word] === undefined);
    const values = (from: Record<string, string>) =>
      Object.fromEntries(unexpected.map(({ name }) => [name, from[name]]));
    expect(values(actual)).toEqual(values(expected));
    expect(new Set(different.map(({ word }) => word))).toEqual(new Set(Object.keys(deviations)));
  });
});
