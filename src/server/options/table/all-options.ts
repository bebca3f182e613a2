/** The table of all options of a mount, in the order of the help. */
import { AUFS_OPTIONS } from './aufs-options.js';
import { LAYER_OPTIONS } from './layer-options.js';
import { ACCEPTED_OPTIONS, FLAG_OPTIONS, SERVER_OPTIONS } from './mount-options.js';
import { OVERLAY_OPTIONS } from './overlay-options.js';
import { OWNERSHIP_OPTIONS } from './ownership-options.js';

export const ALL_OPTIONS = [
  ...LAYER_OPTIONS,
  ...FLAG_OPTIONS,
  ...OVERLAY_OPTIONS,
  ...OWNERSHIP_OPTIONS,
  ...SERVER_OPTIONS,
  ...AUFS_OPTIONS,
  ...ACCEPTED_OPTIONS,
] as const;

/** The type of an entry, with its word, its property and its kind of values. */
export type AnyOption = (typeof ALL_OPTIONS)[number];
