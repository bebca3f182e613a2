/**
 * A directory to work in, once plain and once as each union shows it: what is true of one has to be true of
 * all.
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
import { type LayerDirs, makeLayerDirs } from '../../harness/scratch.js';

type Writable = LayerDirs & { readonly upper: string };

export interface World {
  readonly name: string;
  /** The longest name of an entry. */
  readonly maxName: number;
  /** It goes over libfuse 2, which does not carry everything (docs/transports.md). */
  readonly native: boolean;
  readonly unavailable: string | null;
  /** null: there are no layers, everything is in one directory. */
  readonly mount: ((layers: Writable) => Mounted) | null;
}

const union = (name: string, mount: World['mount'], more: Partial<World> = {}): World => ({
  name,
  maxName: 255,
  native: false,
  unavailable: mountsUnavailable(),
  mount,
  ...more,
});

/** fsync is not what these tests are about. */
const VOLATILE = ['volatile'];

export const WORLDS: readonly World[] = [
  union('a plain directory', null),
  union("the kernel's overlayfs", mountKernel, { unavailable: kernelOverlayUnavailable() }),
  union('plyfs', (layers) => mountPlyfs(layers, VOLATILE)),
  union('plyfs aufs', (layers) => mountAufs(layers, VOLATILE), { maxName: 242 }),
  union('plyfs over libfuse 2', (layers) => mountPlyfs(layers, [...VOLATILE, 'transport=fuse-native']), {
    native: true,
    unavailable: fuseNativeUnavailable(),
  }),
];

export interface Opened {
  /** Where to look and work. */
  readonly root: string;
  close(): void;
}

/**
 * Has `lay` put things into the lower layers, top first, and opens what they show. In a plain directory all
 * are one.
 */
export function openWorld(world: World, base: string, lay: (lower1: string, lower2: string) => void): Opened {
  if (world.mount === null) {
    const root = join(base, 'plain');
    mkdirSync(root);
    lay(root, root);
    return { root, close: () => {} };
  }
  const layers = makeLayerDirs(base);
  lay(layers.lowers[0] as string, layers.lowers[1] as string);
  const mounted = world.mount(layers);
  return { root: mounted.mountpoint, close: () => mounted.unmount() };
}
