/** The tree that a new mount of some layers shows: what the layers on disk mean, without any cache. */
import { type EntryName, type NodeId, ROOT_ID } from '../../src/core/brand.js';
import type { Operations } from '../../src/fuse/operations.js';
import { mountFs, umountFs } from '../../src/sys/mount.js';
import { createUnion, defaultOverlay, type UnionConfig } from '../../src/union/index.js';
import { type Snapshot, snapshot } from '../harness/snapshot.js';

interface UnionSnapshotModule {
  unionSnapshot(union: Operations, root: NodeId, beyond: number): Snapshot;
}

const SNAPSHOT_MODULE = new URL('../fixtures/union-snapshot.mjs', import.meta.url);
const { unionSnapshot } = (await import(SNAPSHOT_MODULE.href)) as UnionSnapshotModule;
const MS_RDONLY = 1;

/** Returns the directory `name` of the layers, top first, as the kernel's overlayfs shows it. */
export function kernelView(layers: readonly string[], mountpoint: string, name: string): Snapshot {
  const features = 'redirect_dir=follow,metacopy=on';
  mountFs('overlay', mountpoint, 'overlay', MS_RDONLY, `lowerdir=${layers.join(':')},${features}`);
  try {
    return snapshot(`${mountpoint}/${name}`);
  } finally {
    umountFs(mountpoint);
  }
}

/** Returns the directory `name` of the layers, top first, as plyfs reads it, without a mount. */
export function plyfsView(layers: readonly string[], aufs: boolean, name: string): Snapshot {
  const union = createUnion(readOnly(layers, aufs));
  try {
    const entry = union.lookup(ROOT_ID, name as EntryName);
    if (entry === null) throw new Error(`no layer has ${name}`);
    return unionSnapshot(union, entry.nodeid, 1);
  } finally {
    union.close();
  }
}

function readOnly(lowers: readonly string[], aufs: boolean): UnionConfig {
  const common = { lowers, volatile: true, log: () => {} };
  if (!aufs) return { ...common, overlay: { ...defaultOverlay('trusted'), metacopy: true } };
  return {
    ...common,
    aufs: { ignoresWhiteouts: [], linkWhiteouts: true, alwaysOpaque: false, keepLinks: true },
  };
}
