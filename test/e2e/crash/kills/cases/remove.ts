/** Removals of files, and of directories that show nothing. */
import {
  dir,
  file,
  type Layers,
  linked,
  opaqueDir,
  symlink,
  type Tree,
  whiteout,
} from '../../../../conformance/tree.js';
import type { KillCase } from '../kill-case.js';

const UNLINK: Readonly<Record<string, Layers>> = {
  'an upper file': { upper: { d: dir({ f: 'upper' }) } },
  'a lower file': { lower1: { d: dir({ f: 'lower' }) } },
  'an upper file over a lower one': { upper: { d: dir({ f: 'upper' }) }, lower1: { d: dir({ f: 'lower' }) } },
  'an upper file over a lower directory': {
    upper: { d: dir({ f: 'upper' }) },
    lower1: { d: dir({ f: dir({ g: '' }) }) },
  },
  'an upper file in an opaque directory': {
    upper: { d: opaqueDir({ f: 'upper' }) },
    lower1: { d: dir({ f: 'lower' }) },
  },
  'a lower symlink': { lower1: { d: dir({ f: symlink('x') }) } },
  'one of three names of an upper file': {
    upper: { d: dir({ f: linked('x', 'l'), g: linked('x', 'l'), h: linked('x', 'l') }) },
  },
  'one of three names of a lower file': {
    lower1: { d: dir({ f: linked('x', 'l'), g: linked('x', 'l'), h: linked('x', 'l') }) },
  },
  'a file far down in lower layers': { lower2: { d: dir({ e: dir({ f: 'lower' }) }) }, lower1: { d: dir() } },
};

const WHITEOUTS: Tree = { one: whiteout, two: whiteout, three: whiteout };
const HIDDEN: Tree = { one: '1', two: dir({ inside: '2' }), three: symlink('3') };

const RMDIR: Readonly<Record<string, Layers>> = {
  'an empty upper directory': { upper: { d: dir({ e: dir() }) } },
  'an empty lower directory': { lower1: { d: dir({ e: dir() }) } },
  'a merged directory in which nothing is': { upper: { d: dir({ e: dir() }) }, lower1: { d: dir({ e: dir() }) } },
  'a merged directory in which all is hidden': {
    upper: { d: dir({ e: dir(WHITEOUTS) }) },
    lower1: { d: dir({ e: dir(HIDDEN) }) },
  },
  'a directory of whiteouts without anything below': { upper: { d: dir({ e: dir(WHITEOUTS) }) } },
  'an opaque directory': { upper: { d: dir({ e: opaqueDir() }) }, lower1: { d: dir({ e: dir(HIDDEN) }) } },
  'a lower directory in which a lower layer hides all': {
    lower1: { d: dir({ e: dir(WHITEOUTS) }) },
    lower2: { d: dir({ e: dir(HIDDEN) }) },
  },
};

export const removeCases: readonly KillCase[] = [
  ...Object.entries(UNLINK).map(([placement, layers]) => ({
    operation: 'unlink',
    placement,
    layers,
    steps: [['unlink', placement.startsWith('a file far') ? 'd/e/f' : 'd/f']] as const,
  })),
  ...Object.entries(RMDIR).map(([placement, layers]) => ({
    operation: 'rmdir',
    placement,
    layers,
    steps: [['rmdir', 'd/e']] as const,
    ...(placement.endsWith('without anything below') ? { strayWhiteout: true as const } : {}),
  })),
  {
    operation: 'unlink, mkdir, rmdir, create at one name',
    placement: 'a lower directory',
    layers: { lower1: { d: dir({ f: file('lower') }) }, lower2: { d: dir({ f: dir({ deep: 'hidden' }) }) } },
    steps: [
      ['unlink', 'd/f'],
      ['mkdir', 'd/f'],
      ['mknod', 'd/f/inside', 0o100600],
      ['unlink', 'd/f/inside'],
      ['rmdir', 'd/f'],
      ['mknod', 'd/f', 0o100600],
    ],
  },
];
