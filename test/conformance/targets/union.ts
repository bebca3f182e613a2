/** Targets that are unions of layers on disk. */
import { join } from 'node:path';
import {
  kernelOverlayUnavailable,
  type Mounted,
  mountKernel,
  mountPlyfs,
  mountsUnavailable,
} from '../../harness/mounts.js';
import { type LayerDirs, makeLayerDirs } from '../../harness/scratch.js';
import type { Capability, Case } from '../case.js';
import { materialize } from '../materialize.js';
import { dir, LAYER_NAMES, type LayerName, type Tree } from '../tree.js';
import type { Target } from './target.js';

/** What every union of ours must be able to do. */
const UNION: readonly Capability[] = ['upper', 'exdev', 'private-xattrs', 'o-direct', 'inode-flags'];

function unionTarget(
  name: string,
  mount: (layers: LayerDirs) => Mounted,
  unavailable: () => string | null,
  capabilities: readonly Capability[],
): Target {
  return {
    name,
    unavailable,
    capabilities: new Set(capabilities),
    open(base, cases) {
      const layers = makeLayerDirs(base);
      for (const layer of LAYER_NAMES) materialize(join(base, layer), treeOf(layer, cases));
      let mounted = mount(layers);
      const changeTo = (next: typeof mount): void => {
        mounted.unmount();
        mounted = next(layers);
      };
      return {
        root: mounted.mountpoint,
        upper: layers.upper,
        remount: () => changeTo(mount),
        showWithKernel:
          mount === mountKernel || kernelOverlayUnavailable() !== null ? null : () => changeTo(mountKernel),
        close: () => mounted.unmount(),
      };
    },
  };
}

/** Each case's tree of `layer` in a directory named by its id; a case without any layer gets an empty upper. */
function treeOf(layer: LayerName, cases: readonly Case[]): Tree {
  return Object.fromEntries(
    cases.flatMap(({ id, layers }) => {
      const tree = layers[layer];
      if (tree !== undefined) return [[id, dir(tree)]];
      return layer === 'upper' && Object.keys(layers).length === 0 ? [[id, dir()]] : [];
    }),
  );
}

export const kernelOverlay = unionTarget('kernel overlayfs', mountKernel, kernelOverlayUnavailable, [
  ...UNION,
  'collapse-range',
]);

/**
 * Stricter than the kernel's overlayfs: every reader sees every write, and what is unlinked while open is a file like
 * any other. FUSE itself refuses FALLOC_FL_COLLAPSE_RANGE and INSERT_RANGE (fs/fuse/file.c:fuse_file_fallocate).
 */
export const plyfsOverlay = unionTarget('plyfs', mountPlyfs, mountsUnavailable, [
  ...UNION,
  'coherent-mappings',
  'unlinked-lower',
]);
