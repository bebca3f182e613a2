/** Targets that are unions of layers on disk. */
import { join } from 'node:path';
import {
  fuseNativeUnavailable,
  kernelOverlayUnavailable,
  type Mounted,
  mountAufs,
  mountKernel,
  mountPlyfs,
  mountsUnavailable,
} from '../../harness/mounts.js';
import { type LayerDirs, makeLayerDirs } from '../../harness/scratch.js';
import { setxattr } from '../../harness/sys/index.js';
import type { Capability, Case } from '../case.js';
import { aufsForm, overlayForm } from '../forms.js';
import { materialize } from '../materialize.js';
import { dir, LAYER_NAMES, type LayerName, type Tree } from '../tree.js';
import { NOT_IN_LIBFUSE2, type Target } from './target.js';

/** What every union of ours must be able to do. */
const UNION: readonly Capability[] = ['upper', 'own-attributes', 'o-direct', 'leases', ...NOT_IN_LIBFUSE2];
const OVERLAY: readonly Capability[] = [...UNION, 'private-xattrs', 'device-zero-reserved', 'long-names'];
const WITHOUT_FEATURES: readonly Capability[] = [...OVERLAY, 'exdev', 'data-with-attributes'];
const WITH_FEATURES: readonly Capability[] = [...OVERLAY, 'rename-any-directory', 'lower-hard-links'];

function unionTarget(
  name: string,
  mount: (layers: LayerDirs) => Mounted,
  kernelMount: ((layers: LayerDirs) => Mounted) | null,
  unavailable: () => string | null,
  capabilities: readonly Capability[],
  form = overlayForm,
): Target {
  return {
    name,
    unavailable,
    capabilities: new Set(capabilities),
    open(base, cases, readOnly) {
      const dirs = makeLayerDirs(base);
      const layers = readOnly ? { ...dirs, lowers: [dirs.upper, ...dirs.lowers], upper: null } : dirs;
      for (const layer of LAYER_NAMES) materialize(join(base, layer), treeOf(layer, cases), form);
      let mounted = mount(layers);
      const changeTo = (next: typeof mount): void => {
        mounted.unmount();
        mounted = next(layers);
      };
      return {
        root: mounted.mountpoint,
        upper: layers.upper,
        form,
        remount: () => changeTo(mount),
        showWithKernel:
          kernelMount === null || kernelOverlayUnavailable() !== null ? null : () => changeTo(kernelMount),
        close: () => mounted.unmount(),
      };
    },
  };
}

/**
 * Each case's tree of `layer` in a directory named by its id; a case without any layer gets an empty upper.
 */
export function treeOf(layer: LayerName, cases: readonly Case[]): Tree {
  return Object.fromEntries(
    cases.flatMap(({ id, layers }) => {
      const tree = layers[layer];
      if (tree !== undefined) return [[id, dir(tree)]];
      return layer === 'upper' && Object.keys(layers).length === 0 ? [[id, dir()]] : [];
    }),
  );
}

/** Options, which write what only some programs understand. */
const FEATURES = ['redirect_dir=on', 'metacopy=on', 'index=on'];
const plainKernel = (layers: LayerDirs): Mounted => mountKernel(layers);
export const featuredKernel = (layers: LayerDirs): Mounted => mountKernel(layers, FEATURES);

export const featuredPlyfs = (layers: LayerDirs): Mounted => mountPlyfs(layers, FEATURES);

export const kernelOverlay = unionTarget('kernel overlayfs', plainKernel, null, kernelOverlayUnavailable, [
  ...WITHOUT_FEATURES,
  'collapse-range',
  'inode-flags-cached',
]);
export const kernelFeatures = unionTarget('kernel with features', featuredKernel, null, kernelOverlayUnavailable, [
  ...WITH_FEATURES,
  'collapse-range',
  'inode-flags-cached',
]);

/**
 * Stricter than the kernel's overlayfs: every reader sees every write, and what is unlinked while open is a
 * file like any other. FUSE itself refuses FALLOC_FL_COLLAPSE_RANGE and INSERT_RANGE
 * (fs/fuse/file.c:fuse_file_fallocate).
 */
const STRICTER: readonly Capability[] = ['coherent-mappings', 'unlinked-lower', 'merged-numbers'];
const PLYFS_OVERLAY: readonly Capability[] = [...WITHOUT_FEATURES, ...STRICTER];

export const plyfsOverlay = unionTarget('plyfs', mountPlyfs, plainKernel, mountsUnavailable, PLYFS_OVERLAY);
export const plyfsFeatures = unionTarget('plyfs with features', featuredPlyfs, featuredKernel, mountsUnavailable, [
  ...WITH_FEATURES,
  ...STRICTER,
]);

/**
 * Owners and modes in xattrs, of what the upper is given; what the cases have put there has its own. There
 * are no ACLs.
 */
export const plyfsOverrides = unionTarget(
  'plyfs with xattr_permissions',
  (layers) => {
    // As if it had always been one, so that it may have content.
    if (layers.upper !== null) setxattr(layers.upper, 'user.containers.override_stat', '0:0:0755:dir');
    return mountPlyfs(layers, ['xattr_permissions=2']);
  },
  null,
  mountsUnavailable,
  PLYFS_OVERLAY.filter((capability) => capability !== 'acls' && capability !== 'own-attributes'),
);

const PLYFS_AUFS: readonly Capability[] = [
  ...UNION,
  'exdev',
  'data-with-attributes',
  'coherent-mappings',
  'unlinked-lower',
  'merged-numbers',
  'lower-hard-links',
  'device-zero',
  'no-private-xattrs',
  'aufs',
];

/**
 * The same union on aufs branches. There is no second program to compare with: what is on disk is checked by
 * form.
 */
export const plyfsAufs = unionTarget('plyfs aufs', mountAufs, null, mountsUnavailable, PLYFS_AUFS, aufsForm);

/** Both dialects over libfuse 2. */
export const plyfsNative = unionTarget(
  'plyfs fuse-native',
  (layers) => mountPlyfs(layers, ['transport=fuse-native']),
  plainKernel,
  fuseNativeUnavailable,
  overLibfuse2(PLYFS_OVERLAY),
);
export const plyfsAufsNative = unionTarget(
  'plyfs aufs fuse-native',
  (layers) => mountAufs(layers, ['transport=fuse-native']),
  null,
  fuseNativeUnavailable,
  overLibfuse2(PLYFS_AUFS),
  aufsForm,
);

function overLibfuse2(capabilities: readonly Capability[]): Capability[] {
  return capabilities.filter((capability) => !NOT_IN_LIBFUSE2.includes(capability));
}
