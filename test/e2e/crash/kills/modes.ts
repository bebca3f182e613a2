/** The modes in which the kill cases run: a dialect and its options. */
import { mountFs, umountFs } from '../../../../src/sys/mount.js';
import { defaultOverlay, type OverlaySettings } from '../../../../src/union/index.js';
import { aufsForm, type LayerForm, overlayForm } from '../../../conformance/forms.js';
import {
  kernelFeatures,
  kernelOverlayUnavailable,
  mountsUnavailable,
  overlayOptions,
} from '../../../harness/mounts.js';
import type { WritableLayerDirs } from '../../../harness/scratch.js';
import { type Snapshot, snapshot } from '../../../harness/snapshot.js';
import type { Config } from './executor.js';

/** Features of the overlay dialect that write additional marks. */
export type Feature = 'redirect_dir' | 'metacopy' | 'index';

export interface Mode {
  readonly name: string;
  readonly dialect: 'overlay' | 'aufs';
  /** The features that are on. */
  readonly features: ReadonlySet<Feature>;
  /** True: after a kill, a mark in `work` makes mounts refuse the upper until an administrator removes it. */
  readonly volatile: boolean;
  readonly form: LayerForm;
  config(layers: WritableLayerDirs): Config;
  /** The directory of unfinished changes, which is empty while mounted. */
  stagingDirectory(layers: WritableLayerDirs): string;
  /** The directory of a mount's private files, which is empty after the mount has ended. */
  privateDirectory(layers: WritableLayerDirs): string;
  /**
   * Returns the tree that a writable mount of the kernel's overlayfs shows. `withoutGhosts` leaves out names
   * that it lists but does not find. null: the kernel cannot read the layers.
   */
  readonly kernelView: ((layers: WritableLayerDirs, withoutGhosts: boolean) => Snapshot) | null;
  /** The reason why this mode cannot be tested here, or null. */
  unavailable(): string | null;
}

const FEATURES: readonly Feature[] = ['redirect_dir', 'metacopy', 'index'];
const PLAIN = defaultOverlay('trusted');

/** @param settings null: the default settings */
function overlay(
  name: string,
  settings: OverlaySettings | null,
  kernelOptions: readonly string[],
  volatile = false,
): Mode {
  return {
    name,
    dialect: 'overlay',
    features: new Set(FEATURES.filter((feature) => kernelOptions.includes(`${feature}=on`))),
    volatile,
    form: overlayForm,
    config: ({ lowers, upper, work }) => ({
      ...{ lowers, upper, work, volatile, volatileMark: volatile },
      ...(settings === null ? {} : { overlay: settings }),
    }),
    stagingDirectory: ({ work }) => `${work}/work`,
    privateDirectory: ({ work }) => `${work}/work`,
    kernelView(layers, withoutGhosts) {
      const { mountpoint } = layers;
      mountFs('overlay', mountpoint, 'overlay', 0, overlayOptions(layers, kernelFeatures(kernelOptions)));
      try {
        return snapshot(mountpoint, { withoutGhosts });
      } finally {
        umountFs(mountpoint);
      }
    },
    unavailable: () => mountsUnavailable() ?? kernelOverlayUnavailable(),
  };
}

const aufs: Mode = {
  name: 'aufs',
  dialect: 'aufs',
  features: new Set(),
  volatile: false,
  form: aufsForm,
  config: ({ lowers, upper }) => ({
    ...{ lowers, upper, volatile: false },
    aufs: { ignoresWhiteouts: [], linkWhiteouts: true, alwaysOpaque: false, keepLinks: true },
  }),
  stagingDirectory: ({ upper }) => `${upper}/.wh..wh.orph`,
  privateDirectory: ({ upper }) => `${upper}/.wh..wh.plnk`,
  kernelView: null,
  unavailable: mountsUnavailable,
};

export const MODES: readonly Mode[] = [
  overlay('overlay', null, []),
  aufs,
  overlay('redirect_dir', { ...PLAIN, redirect: 'on' }, ['redirect_dir=on']),
  overlay('metacopy', { ...PLAIN, redirect: 'on', metacopy: true }, ['redirect_dir=on', 'metacopy=on']),
  overlay('index', { ...PLAIN, index: true }, ['index=on']),
  overlay('all features', { ...PLAIN, redirect: 'on', metacopy: true, index: true }, [
    'redirect_dir=on',
    'metacopy=on',
    'index=on',
  ]),
  overlay('volatile', null, [], true),
];
