/** The ways in which a union is mounted, that the kills are tried in: a dialect and its options. */
import { mountFs, umountFs } from '../../../../src/sys/mount.js';
import { defaultOverlay, type OverlaySettings } from '../../../../src/union/index.js';
import { aufsForm, type LayerForm, overlayForm } from '../../../conformance/forms.js';
import {
  kernelFeatures,
  kernelOverlayUnavailable,
  mountsUnavailable,
  overlayOptions,
} from '../../../harness/mounts.js';
import type { LayerDirs } from '../../../harness/scratch.js';
import { type Snapshot, snapshot } from '../../../harness/snapshot.js';
import type { Config } from './executor.js';

export type Writable = LayerDirs & { readonly upper: string };

/** What the overlay dialect can be told to write besides. */
export type Feature = 'redirect_dir' | 'metacopy' | 'index';

export interface Mode {
  readonly name: string;
  readonly dialect: 'overlay' | 'aufs';
  /** What is on. */
  readonly features: ReadonlySet<Feature>;
  /**
   * What lies in `work` after a kill keeps others from the upper, until somebody says that it may be used.
   */
  readonly volatile: boolean;
  readonly form: LayerForm;
  config(layers: Writable): Config;
  /** Where changes are prepared: empty while mounted. */
  staging(layers: Writable): string;
  /** What a mount keeps for itself: nothing is left when it has ended. */
  private(layers: Writable): string;
  /**
   * The tree that the kernel's overlayfs shows of the layers, mounted to be written; without the names that
   * it lists and that are not there, if so asked. null: it cannot read them.
   */
  readonly kernelShows: ((layers: Writable, withoutGhosts: boolean) => Snapshot) | null;
  /** Why it cannot be tested here, or null. */
  unavailable(): string | null;
}

const FEATURES: readonly Feature[] = ['redirect_dir', 'metacopy', 'index'];
const PLAIN = defaultOverlay('trusted');

/** @param settings absent: those that hold when nothing is said */
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
    staging: ({ work }) => `${work}/work`,
    private: ({ work }) => `${work}/work`,
    kernelShows(layers, withoutGhosts) {
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
  staging: ({ upper }) => `${upper}/.wh..wh.orph`,
  private: ({ upper }) => `${upper}/.wh..wh.plnk`,
  kernelShows: null,
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
