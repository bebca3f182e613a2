/** Renames of files and directories onto every kind of new name, and exchanges of two names. */
import {
  dir,
  type Entry,
  file,
  type Layers,
  linked,
  opaqueDir,
  symlink,
  type Tree,
  whiteout,
} from '../../../../conformance/tree.js';
import * as sys from '../../../../harness/sys/index.js';
import type { KillCase } from '../kill-case.js';

const FILE = file('the one that moves', { mode: 0o640, uid: sys.ALICE, xattrs: { 'user.a': 'b' } });

/** Without kept links, its copy-up alone is a visible state, because the link count changes. */
const ONE_OF_TWO = 'one of two names of a lower file';
const UPPER_DIRECTORY = 'an upper directory';

/** The kinds of file `from/x`. */
const FILES: Readonly<Record<string, Layers>> = {
  'an upper file': { upper: { from: dir({ x: FILE }) } },
  'a lower file': { lower1: { from: dir({ x: FILE }) } },
  'an upper file over a lower one': { upper: { from: dir({ x: FILE }) }, lower1: { from: dir({ x: 'hidden' }) } },
  'a lower symlink': { lower1: { from: dir({ x: symlink('x') }) } },
  [ONE_OF_TWO]: { lower1: { from: dir({ x: linked('x', 'l'), y: linked('x', 'l') }) } },
};

/** The object at `to/y` before the rename. */
const FILE_TARGETS: Readonly<Record<string, Layers>> = {
  'a free name': { upper: { to: dir() } },
  'a free name in a lower directory': { lower1: { to: dir({ z: 'lower' }) } },
  'an upper file': { upper: { to: dir({ y: 'replaced' }) } },
  'a lower file': { lower1: { to: dir({ y: 'replaced' }) } },
  'an upper file over a lower one': { upper: { to: dir({ y: 'replaced' }) }, lower1: { to: dir({ y: 'hidden' }) } },
  'a whiteout': { upper: { to: dir({ y: whiteout }) }, lower1: { to: dir({ y: dir({ z: 'hidden' }) }) } },
};

const INSIDE: Tree = { f: 'in it', e: dir({ g: 'deeper' }) };
/** The kinds of directory `from/x` that can be renamed without `redirect_dir=on`. */
const DIRECTORIES: Readonly<Record<string, Layers>> = {
  [UPPER_DIRECTORY]: { upper: { from: dir({ x: dir(INSIDE) }) } },
  'an opaque directory': {
    upper: { from: dir({ x: opaqueDir(INSIDE) }) },
    lower1: { from: dir({ x: dir({ h: 'hidden' }) }) },
  },
};

const HIDDEN: Tree = { one: '1', two: dir({ inside: '2' }) };
const WHITEOUTS: Tree = { one: whiteout, two: whiteout };
const DIRECTORY_TARGETS: Readonly<Record<string, Layers>> = {
  'a free name': { upper: { to: dir() } },
  'a free name in a lower directory': { lower1: { to: dir({ z: 'lower' }) } },
  'an empty upper directory': { upper: { to: dir({ y: dir() }) } },
  'an empty lower directory': { lower1: { to: dir({ y: dir() }) } },
  'a merged directory in which all is hidden': {
    upper: { to: dir({ y: dir(WHITEOUTS) }) },
    lower1: { to: dir({ y: dir(HIDDEN) }) },
  },
  'an opaque directory': { upper: { to: dir({ y: opaqueDir() }) }, lower1: { to: dir({ y: dir(HIDDEN) }) } },
  'a whiteout': { upper: { to: dir({ y: whiteout }) }, lower1: { to: dir({ y: dir(HIDDEN) }) } },
};

function pairs(sources: Readonly<Record<string, Layers>>, targets: Readonly<Record<string, Layers>>): KillCase[] {
  return Object.entries(sources).flatMap(([what, from]) =>
    Object.entries(targets).map(([target, to]) => ({
      operation: `rename of ${what}`,
      placement: `onto ${target}`,
      layers: { upper: { ...from.upper, ...to.upper }, lower1: { ...from.lower1, ...to.lower1 } },
      steps: [['rename', 'from/x', 'to/y']] as const,
      ...(what === ONE_OF_TWO ? { allowedBetween: [[['touchForWriting', 'from/x']]] as const } : {}),
      // The rename exchanges the directory with the whiteout, and then removes the whiteout.
      ...(what === UPPER_DIRECTORY && target === 'a whiteout' ? { strayWhiteout: true as const } : {}),
    })),
  );
}

/** The two objects, at `d/x` and `d/y`. */
const EXCHANGE: Readonly<Record<string, readonly [layer: 'upper' | 'lower1', x: Entry, y: Entry]>> = {
  'two upper files': ['upper', FILE, file('other')],
  'two lower files': ['lower1', FILE, file('other')],
  'an upper file and a directory': ['upper', FILE, dir(INSIDE)],
  'two upper directories': ['upper', dir(INSIDE), dir({ other: 'x' })],
  'a lower symlink and a lower file': ['lower1', symlink('x'), FILE],
};

export const renameCases: readonly KillCase[] = [
  ...pairs(FILES, FILE_TARGETS),
  ...pairs(DIRECTORIES, DIRECTORY_TARGETS),
  ...Object.entries(EXCHANGE).map(([placement, [layer, x, y]]) => ({
    operation: 'exchange',
    placement,
    layers: { lower2: { d: dir({ z: 'lower' }) }, [layer]: { d: dir({ x, y }) } },
    steps: [['rename', 'd/x', 'd/y', sys.RENAME_EXCHANGE]] as const,
  })),
  {
    operation: 'exchange',
    placement: 'an upper file and a lower one in another directory',
    layers: { upper: { from: dir({ x: FILE }) }, lower1: { from: dir({ x: 'hidden' }), to: dir({ y: 'lower' }) } },
    steps: [['rename', 'from/x', 'to/y', sys.RENAME_EXCHANGE]],
  },
  {
    operation: 'rename within a directory',
    placement: 'a lower file, and back',
    layers: { lower1: { d: dir({ x: FILE }) } },
    steps: [
      ['rename', 'd/x', 'd/y'],
      ['rename', 'd/y', 'd/x'],
    ],
  },
  {
    operation: 'rename of a directory that is empty below',
    placement: 'onto a free name',
    layers: { upper: { from: dir({ x: dir() }), to: dir() }, lower1: { from: dir({ x: dir() }) } },
    steps: [['rename', 'from/x', 'to/y']],
    // The overlay dialect refuses the rename of a directory that a lower layer has.
    dialects: ['aufs'],
  },
];
