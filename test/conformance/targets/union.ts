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

/** Capabilities of every union. */
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
      for (const layer of LAYER_NAMES) {
        // One by one: cases can use the same words for hard links.
        for (const one of cases) materialize(join(base, layer), treeOf(layer, [one]), form);
      }
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
 * Returns each case's tree of `layer`, in a directory with the case's id as name. A case without any layer
 * gets an empty upper.
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

/** Options with which a mount writes marks that only some programs read. */
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
 * Capabilities that the kernel's overlayfs lacks: every reader sees every write, and a file that is unlinked
 * while open behaves as any other. FUSE itself refuses FALLOC_FL_COLLAPSE_RANGE and INSERT_RANGE
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
 * plyfs with owners and modes in xattrs. Objects that the cases have made in the upper have their own owner
 * and mode. There are no ACLs.
 */
export const plyfsOverrides = unionTarget(
  'plyfs with xattr_permissions',
  (layers) => {
    // Marks the upper as one with such xattrs, so that it can have content.
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

/** The union on aufs branches. No other program reads them; the cases check the on-disk form. */
export const plyfsAufs = unionTarget('plyfs aufs', mountAufs, null, mountsUnavailable, PLYFS_AUFS, aufsForm);

/** The dialects over libfuse 2. */
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
