/** The options that name layers. */
import type { OptionEntry } from '../kinds/option-entry.js';
import { LAYERS, ONE_DATA_LAYER, ONE_LAYER, path } from '../kinds/value-kinds.js';

export const LAYER_OPTIONS = [
  {
    kind: 'value',
    word: 'lowerdir',
    property: 'layers',
    takes: LAYERS,
    conflicts: ['br'],
    library: false,
    help: 'the lower layers, top first; a colon, comma or backslash in a path is written \\: \\, \\\\',
  },
  {
    kind: 'value',
    word: 'lowerdir+',
    property: 'layers',
    takes: ONE_LAYER,
    again: 'adds',
    conflicts: ['lowerdir', 'br'],
    library: false,
    help: 'one more lower layer below those given so far, instead of lowerdir; the path as it is, without escapes',
  },
  {
    kind: 'value',
    word: 'datadir+',
    property: 'layers',
    takes: ONE_DATA_LAYER,
    again: 'adds',
    conflicts: ['lowerdir', 'br'],
    library: false,
    help: 'one more data-only layer, after all lowerdir+; lowerdir=DIR::DATA[::DATA...] means the same',
  },
  {
    kind: 'value',
    word: 'upperdir',
    property: 'upper',
    takes: path('DIR', 'directory'),
    conflicts: ['br'],
    help: 'the writable layer; without it the mount is read-only',
  },
  {
    kind: 'value',
    word: 'workdir',
    property: 'work',
    takes: path('DIR', 'directory'),
    help: 'where changes are staged; must be on the same mount as upperdir, but not inside it',
  },
] as const satisfies readonly OptionEntry[];
