/** Renames of directories that lower layers have (`redirect_dir=on`), together with their content. */
import { dir, file, type Layers, linked, opaqueDir, type Tree, whiteout } from '../../../../conformance/tree.js';
import * as sys from '../../../../harness/sys/index.js';
import type { Step } from '../executor.js';
import type { KillCase } from '../kill-case.js';

const INSIDE: Tree = {
  f: file('in it', { uid: sys.ALICE }),
  e: dir({ g: 'deeper', h: linked('x', 'l') }),
  i: linked('x', 'l'),
};

/** The kinds of directory `from/x` that is renamed. */
const SOURCES: Readonly<Record<string, Layers>> = {
  'a lower directory': { lower1: { from: dir({ x: dir(INSIDE, { mode: 0o1770, mtime: 7000 }) }) } },
  'a merged directory': {
    upper: { from: dir({ x: dir({ new: 'upper', f: whiteout }) }) },
    lower1: { from: dir({ x: dir({ i: 'above' }) }) },
    lower2: { from: dir({ x: dir(INSIDE) }) },
  },
};

const HIDDEN: Tree = { one: '1', two: dir({ inside: '2' }) };
/** The object at `to/y` before the rename. */
const TARGETS: Readonly<Record<string, Layers>> = {
  'a free name': { upper: { to: dir() } },
  'a free name in a lower directory': { lower1: { to: dir({ z: 'lower' }, { mtime: 8000 }) } },
  'a whiteout': { upper: { to: dir({ y: whiteout }) }, lower1: { to: dir({ y: dir(HIDDEN) }) } },
  'a whiteout in a lower layer': { lower1: { to: dir({ y: whiteout }) }, lower2: { to: dir({ y: dir(HIDDEN) }) } },
  'an empty lower directory': { lower1: { to: dir({ y: dir() }) } },
  'a merged directory in which all is hidden': {
    upper: { to: dir({ y: dir({ one: whiteout, two: whiteout }) }) },
    lower1: { to: dir({ y: dir(HIDDEN) }) },
  },
  'an opaque directory': { upper: { to: dir({ y: opaqueDir() }) }, lower1: { to: dir({ y: dir(HIDDEN) }) } },
};

function both(one: Layers, other: Layers): Layers {
  return {
    upper: { ...one.upper, ...other.upper },
    lower1: { ...one.lower1, ...other.lower1 },
    lower2: { ...one.lower2, ...other.lower2 },
  };
}

function moves(): KillCase[] {
  return Object.entries(SOURCES).flatMap(([what, from]) =>
    Object.entries(TARGETS).map(([target, to]) => ({
      operation: `rename of ${what}`,
      placement: `into another directory, onto ${target}`,
      layers: both(from, to),
      steps: [['rename', 'from/x', 'to/y']] as const,
    })),
  );
}

const MERGED = SOURCES['a merged directory'] as Layers;
const TWO: Layers = both(MERGED, {
  lower1: { to: dir({ y: dir({ other: 'lower' }), single: 'a file' }) },
  lower2: { to: dir({ y: dir({ another: dir({ deep: 'x' }) }) }) },
});

/** Operations with a merged directory `from/x` and a lower directory `to/y`. */
const OTHERS: Readonly<Record<string, readonly Step[]>> = {
  'rename within a directory, and back': [
    ['rename', 'from/x', 'from/y'],
    ['rename', 'from/y', 'from/x'],
  ],
  'rename of a child out of a directory that has moved': [
    ['rename', 'from/x', 'to/x'],
    ['rename', 'to/x/e', 'to/e'],
    ['rename', 'to/x', 'from/x'],
  ],
  'rename into a directory that has moved': [
    ['rename', 'to/y', 'from/z'],
    ['rename', 'from/x', 'from/z/x'],
  ],
  'rename, and a new directory at the old name': [
    ['rename', 'from/x', 'to/x'],
    ['mkdir', 'from/x'],
  ],
  'rename, then changes in it': [
    ['rename', 'from/x', 'to/x'],
    ['chmod', 'to/x/e/g', 0o600],
    ['unlink', 'to/x/i'],
    ['chmod', 'to/x', 0o700],
  ],
  'exchange of two directories': [['rename', 'from/x', 'to/y', sys.RENAME_EXCHANGE]],
  'exchange of two directories of a directory': [['rename', 'to/y', 'to/q', sys.RENAME_EXCHANGE]],
  'exchange of a directory and a file': [['rename', 'from/x', 'to/single', sys.RENAME_EXCHANGE]],
};

export const redirectCases: readonly KillCase[] = [
  ...moves(),
  ...Object.entries(OTHERS).map(([operation, steps]) => ({
    operation,
    placement: 'of lower layers',
    layers: operation.endsWith('of a directory')
      ? { lower1: { to: dir({ y: dir(INSIDE), q: dir({ other: 'x' }) }) } }
      : TWO,
    steps,
  })),
].map((one) => ({ ...one, needs: 'redirect_dir' as const }));
