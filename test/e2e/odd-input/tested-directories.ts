/**
 * The directories that the cases run in: a plain one, and one for each union. The same must be true in all.
 */
import { mkdirSync } from 'node:fs';
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
import { makeLayerDirs, type WritableLayerDirs } from '../../harness/scratch.js';

export interface TestedDirectory {
  readonly name: string;
  /** The longest name of an entry. */
  readonly maxName: number;
  /** True: requests pass through libfuse 2, which does not carry all of them (docs/transports.md). */
  readonly overLibfuse2: boolean;
  readonly unavailable: string | null;
  /** Mounts the layers. null: there are no layers, and all objects are in one directory. */
  readonly mount: ((layers: WritableLayerDirs) => Mounted) | null;
}

const union = (
  name: string,
  mount: TestedDirectory['mount'],
  more: Partial<TestedDirectory> = {},
): TestedDirectory => ({
  name,
  maxName: 255,
  overLibfuse2: false,
  unavailable: mountsUnavailable(),
  mount,
  ...more,
});

/** These tests do not need fsync. */
const VOLATILE = ['volatile'];

export const TESTED_DIRECTORIES: readonly TestedDirectory[] = [
  union('a plain directory', null),
  union("the kernel's overlayfs", mountKernel, { unavailable: kernelOverlayUnavailable() }),
  union('plyfs', (layers) => mountPlyfs(layers, VOLATILE)),
  union('plyfs aufs', (layers) => mountAufs(layers, VOLATILE), { maxName: 242 }),
  union('plyfs over libfuse 2', (layers) => mountPlyfs(layers, [...VOLATILE, 'transport=fuse-native']), {
    overLibfuse2: true,
    unavailable: fuseNativeUnavailable(),
  }),
];

export interface Opened {
  /** The directory that the cases run in. */
  readonly root: string;
  close(): void;
}

/**
 * Calls `makeLower` with the lower layers, top first, and opens the union of them. In a plain directory, all
 * layers are that directory.
 */
export function openTestedDirectory(
  tested: TestedDirectory,
  base: string,
  makeLower: (lower1: string, lower2: string) => void,
): Opened {
  if (tested.mount === null) {
    const root = join(base, 'plain');
    mkdirSync(root);
    makeLower(root, root);
    return { root, close: () => {} };
  }
  const layers = makeLayerDirs(base);
  makeLower(layers.lowers[0] as string, layers.lowers[1] as string);
  const mounted = tested.mount(layers);
  return { root: mounted.mountpoint, close: () => mounted.unmount() };
}
