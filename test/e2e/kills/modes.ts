/** The ways in which a union is mounted, that the kills are tried in: a dialect and its options. */
import { mountFs, umountFs } from '../../../src/sys/mount.js';
import { aufsForm, type LayerForm, overlayForm } from '../../conformance/forms.js';
import { kernelOverlayUnavailable, mountsUnavailable, overlayOptions } from '../../harness/mounts.js';
import type { LayerDirs } from '../../harness/scratch.js';
import { type Snapshot, snapshot } from '../../harness/snapshot.js';
import type { Config } from './executor.js';

export type Writable = LayerDirs & { readonly upper: string };

export interface Mode {
  readonly name: string;
  readonly dialect: 'overlay' | 'aufs';
  readonly form: LayerForm;
  config(layers: Writable): Config;
  /** Where changes are prepared: empty while mounted. */
  staging(layers: Writable): string;
  /** What a mount keeps for itself: nothing is left when it has ended. */
  private(layers: Writable): string;
  /**
   * The tree that the kernel's overlayfs shows of the layers, mounted to be written; without the names that it lists and
   * that are not there, if so asked. null: it cannot read them.
   */
  readonly kernelShows: ((layers: Writable, withoutGhosts: boolean) => Snapshot) | null;
  /** Why it cannot be tested here, or null. */
  unavailable(): string | null;
}

function overlay(name: string, settings: object | null, kernelOptions: readonly string[]): Mode {
  return {
    name,
    dialect: 'overlay',
    form: overlayForm,
    config: ({ lowers, upper, work }) => ({
      ...{ lowers, upper, work, volatile: false },
      ...(settings === null ? {} : { overlay: settings }),
    }),
    staging: ({ work }) => `${work}/work`,
    private: ({ work }) => `${work}/work`,
    kernelShows(layers, withoutGhosts) {
      const { mountpoint } = layers;
      mountFs('overlay', mountpoint, 'overlay', 0, overlayOptions(layers, kernelOptions));
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
  overlay('overlay', null, ['redirect_dir=off', 'metacopy=off', 'index=off', 'xino=off']),
  aufs,
];
