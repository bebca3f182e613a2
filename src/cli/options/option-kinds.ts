/** What an option of `-o` is, and what it sets. */
import type { IdRange } from '../../core/id-map.js';
import type { MountConfig } from '../../server/config/mount-config.js';

/** What the options say of owners, before it is settled which of them hold. */
export interface OwnerOptions {
  uidRanges?: readonly IdRange[];
  gidRanges?: readonly IdRange[];
  squashToRoot?: boolean;
  squashToUid?: number;
  squashToGid?: number;
}

/** What the options and the command line come to. */
export interface MountSettings {
  readonly config: MountConfig;
  /** Settled when all options are known. */
  owners?: OwnerOptions;
  /** Bytes; where the daemon's log lines go instead of syslog. */
  logFile?: string;
}

interface OptionBase {
  readonly help: string;
  /**
   * An option of the kernel's overlayfs that fuse-overlayfs ignores: in that program's form of the command
   * line a wrong value of it is ignored.
   */
  readonly isForeign?: true;
}

/** A word that is there or not, with its opposite; the last one given holds, as in mount(8). */
export interface Toggle extends OptionBase {
  readonly kind: 'toggle';
  readonly on: string;
  readonly off?: string;
  readonly set: (settings: MountSettings, on: boolean) => void;
}

/** `name=VALUE`. */
export interface Valued extends OptionBase {
  readonly kind: 'value';
  readonly name: string;
  /**
   * What a second one with another value means: it is refused, because one of the two would be lost unseen
   * (default); it is added to the first; or the last one holds, as in the kernel.
   */
  readonly again?: 'adds' | 'holds';
  readonly placeholder: string;
  readonly set: (settings: MountSettings, value: string) => void;
}

export type MountOption = Toggle | Valued;
