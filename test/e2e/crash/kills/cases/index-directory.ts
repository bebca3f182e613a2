/** Lower files with several names, which stay one file after a copy-up (`index=on`). */
import { dir, file, type Layers, linked, symlink } from '../../../../conformance/tree.js';
import * as sys from '../../../../harness/sys/index.js';
import type { Step } from '../executor.js';
import type { KillCase } from '../kill-case.js';

const FACTS = { mode: 0o4751, uid: sys.ALICE, mtime: 7000, xattrs: { 'user.a': 'b' } };

/**
 * A file with three names, in a directory that the upper has and in one that it does not have, and files to
 * exchange them with.
 */
const LAYERS: Layers = {
  upper: { d: dir({ u: 'upper' }) },
  lower1: {
    d: dir({ f: linked('three names', 'l', FACTS), g: linked('three names', 'l') }),
    e: dir({ h: linked('three names', 'l'), single: file('one name'), s: symlink('target') }),
  },
};

const UNTOUCHED: Readonly<Record<string, readonly Step[]>> = {
  'chmod of each name in turn': [
    ['chmod', 'e/h', 0o600],
    ['chmod', 'd/f', 0o601],
    ['chmod', 'd/g', 0o602],
  ],
  'open for writing of the last name': [['touchForWriting', 'e/h']],
  'truncate to less': [['truncate', 'd/g', 3]],
  'link of the first name': [['link', 'd/f', 'e/fourth']],
  'link over a name that was removed': [
    ['unlink', 'd/f'],
    ['link', 'e/h', 'd/f'],
  ],
  'unlink of all names': [
    ['unlink', 'd/g'],
    ['unlink', 'e/h'],
    ['unlink', 'd/f'],
  ],
  'unlink of a name, then chmod': [
    ['unlink', 'd/f'],
    ['chmod', 'd/g', 0o600],
  ],
  'rename of each name': [
    ['rename', 'd/f', 'd/x'],
    ['rename', 'e/h', 'd/y'],
    ['rename', 'd/g', 'e/z'],
  ],
  'rename over a name': [['rename', 'e/single', 'd/f']],
  'rename of a name over an upper file': [['rename', 'd/f', 'd/u']],
  'exchange with a lower file': [['rename', 'd/f', 'e/single', sys.RENAME_EXCHANGE]],
  'exchange with an upper file': [['rename', 'e/h', 'd/u', sys.RENAME_EXCHANGE]],
  'rename over another name of it, which does nothing': [['rename', 'd/f', 'e/h']],
};

const COPIED: Readonly<Record<string, readonly Step[]>> = {
  'chmod of another name': [['chmod', 'd/g', 0o604]],
  'write by another name': [
    ['open', 'w', 'e/h'],
    ['write', 'w', 'XYZ', 3],
  ],
  'link of the copied name': [['link', 'd/f', 'e/fourth']],
  'link of a lower name': [['link', 'e/h', 'e/fourth']],
  'unlink of all names, the copied one first': [
    ['unlink', 'd/f'],
    ['unlink', 'd/g'],
    ['unlink', 'e/h'],
  ],
  'unlink of all names, the copied one last': [
    ['unlink', 'd/g'],
    ['unlink', 'e/h'],
    ['unlink', 'd/f'],
  ],
  'rename of the copied name': [['rename', 'd/f', 'e/x']],
  'rename of a lower name': [['rename', 'e/h', 'd/x']],
  'rename over the copied name': [['rename', 'e/single', 'd/f']],
  'rename over a lower name': [['rename', 'd/u', 'e/h']],
  'exchange of the copied name with a lower file': [['rename', 'd/f', 'e/single', sys.RENAME_EXCHANGE]],
  'exchange of a lower name with an upper file': [['rename', 'e/h', 'd/u', sys.RENAME_EXCHANGE]],
};

/** Makes objects that a `Tree` cannot describe: several names of objects that are no regular files. */
function linkOthers(lower: string): void {
  sys.link(`${lower}/e/s`, `${lower}/d/s`);
}

export const indexCases: readonly KillCase[] = [
  ...Object.entries(UNTOUCHED).map(([operation, steps]) => ({
    operation,
    placement: 'of a lower file with three names',
    layers: LAYERS,
    steps,
  })),
  ...Object.entries(COPIED).map(([operation, steps]) => ({
    operation,
    placement: 'of a lower file with three names, copied up by the first',
    layers: LAYERS,
    setup: [['chmod', 'd/f', 0o640]] as const,
    steps,
    // With metacopy, the data is copied only now. The file has a later mtime meanwhile.
    ...(operation.startsWith('write') ? { allowedBetween: [[['utimens', 'd/f', 1_900_000_000]]] as const } : {}),
  })),
  {
    operation: 'chown of both names, unlink of both',
    placement: 'of a lower symlink with two names',
    layers: LAYERS,
    fillLower: linkOthers,
    steps: [
      ['chown', 'd/s', sys.BOB, sys.STAFF],
      ['chown', 'e/s', sys.ALICE, sys.STAFF],
      ['unlink', 'd/s'],
      ['unlink', 'e/s'],
    ],
  } as const,
].map((one) => ({ ...one, needs: 'index' as const }));
