/** The on-disk dialects, for tests that check the same for both. */
import { join } from 'node:path';
import {
  aufsArguments,
  kernelOverlayUnavailable,
  type Mounted,
  mountAufs,
  mountKernel,
  mountPlyfs,
  overlayOptions,
} from '../../harness/mounts.js';
import { mountWithOwnServer, type OwnMount } from '../../harness/own-server.js';
import type { WritableLayerDirs } from '../../harness/scratch.js';

export interface TestedDialect {
  readonly name: 'overlay' | 'aufs';
  mount(layers: WritableLayerDirs): Mounted;
  mountWithOwnServer(layers: WritableLayerDirs): Promise<OwnMount>;
  /** Mounts the layers with another program, or null if no other program reads them. */
  readonly mountOther: ((layers: WritableLayerDirs) => Mounted) | null;
  /** The directory of unfinished changes, which is empty after each mount. */
  staging(layers: WritableLayerDirs): string;
  /** The reason why the dialect cannot be tested here, or null. */
  unavailable(): string | null;
}

export const DIALECTS: readonly TestedDialect[] = [
  {
    name: 'overlay',
    mount: (layers) => mountPlyfs(layers),
    mountWithOwnServer: (layers) => mountWithOwnServer(layers, ['-o', overlayOptions(layers)]),
    mountOther: mountKernel,
    staging: ({ work }) => join(work, 'work'),
    unavailable: kernelOverlayUnavailable,
  },
  {
    name: 'aufs',
    mount: (layers) => mountAufs(layers),
    mountWithOwnServer: (layers) => mountWithOwnServer(layers, aufsArguments(layers)),
    mountOther: null,
    staging: ({ upper }) => join(upper, '.wh..wh.orph'),
    unavailable: () => null,
  },
];
