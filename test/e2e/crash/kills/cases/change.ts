/** Changes of attributes and data of existing objects in every placement, with the copy-up before them. */
import {
  dir,
  type Entry,
  file,
  type Layers,
  linked,
  opaqueDir,
  special,
  symlink,
  type Tree,
} from '../../../../conformance/tree.js';
import * as sys from '../../../../harness/sys/index.js';
import type { Step } from '../executor.js';
import type { KillCase } from '../kill-case.js';

const ACL = sys.acl(`u::rwx user:${sys.BOB}:r-- g::r-x m::r-x o::--x`).toString('latin1');
/** A file with every attribute that a copy-up must preserve. */
const FILE = file('what the file holds', {
  ...{ mode: 0o4751, uid: sys.ALICE, gid: sys.STAFF, mtime: 7000 },
  xattrs: { 'user.a': 'b', 'system.posix_acl_access': ACL, 'security.capability': sys.capability().toString('latin1') },
});

function at(layer: 'upper' | 'lower1' | 'lower2', object: Entry): Layers {
  return { [layer]: { d: dir({ f: object }) } };
}

/** Without kept links, its copy-up alone is a visible state, because the link count changes. */
const ONE_OF_TWO = 'one of two names of a lower file';

const PLACES: Readonly<Record<string, Layers>> = {
  'an upper file': at('upper', FILE),
  'a lower file': at('lower1', FILE),
  'an upper file over a lower one': { ...at('upper', FILE), ...at('lower1', file('hidden')) },
  'a lower file over a lower directory': { ...at('lower1', FILE), ...at('lower2', dir({ g: 'hidden' })) },
  [ONE_OF_TWO]: { lower1: { d: dir({ f: linked('x', 'l'), g: linked('x', 'l') }) } },
};

const OTHERS: Readonly<Record<string, Layers>> = {
  'a lower directory': at('lower1', dir({ g: 'in it' }, { mode: 0o1770, uid: sys.ALICE, xattrs: { 'user.a': 'b' } })),
  'a merged directory': { ...at('upper', dir({ g: 'upper' })), ...at('lower1', dir({ h: 'lower' })) },
  'an opaque directory': { ...at('upper', opaqueDir({ g: 'upper' })), ...at('lower1', dir({ h: 'hidden' })) },
  'a lower fifo': at('lower1', special(sys.S_IFIFO, 0, { uid: sys.ALICE })),
  'a lower device': at('lower1', special(sys.S_IFCHR, 0x107, { mode: 0o620 })),
};

const ATTRIBUTES: Readonly<Record<string, Step>> = {
  chmod: ['chmod', 'd/f', 0o604],
  chown: ['chown', 'd/f', sys.BOB, sys.STAFF],
  utimens: ['utimens', 'd/f', 9999],
  'setxattr of trusted.t': ['setxattr', 'd/f', 'trusted.t', 'value'],
};

const DATA: Readonly<Record<string, Step>> = {
  'truncate to nothing': ['truncate', 'd/f', 0],
  'truncate to less': ['truncate', 'd/f', 5],
  'truncate to more': ['truncate', 'd/f', 70_000],
  'open for writing': ['touchForWriting', 'd/f'],
};

function all(operations: Readonly<Record<string, Step>>, places: Readonly<Record<string, Layers>>): KillCase[] {
  return Object.entries(operations).flatMap(([operation, step]) =>
    Object.entries(places).map(([placement, layers]) => ({
      operation,
      placement,
      layers,
      steps: [step],
      ...(placement === ONE_OF_TWO ? { allowedBetween: [[['touchForWriting', 'd/f']]] as const } : {}),
    })),
  );
}

/** Operations on an open file, which is in a lower layer before the open. */
const OPENED: Readonly<Record<string, readonly Step[]>> = {
  write: [['write', 'w', 'XYZ', 5]],
  'write behind the end': [['write', 'w', 'XYZ', 20_000]],
  ftruncate: [['truncateHeld', 'w', 3]],
  fallocate: [['fallocate', 'w', 0, 0, 30_000]],
  'fallocate that punches a hole': [['fallocate', 'w', 3, 2, 6]],
  'write and fsync': [
    ['write', 'w', 'synced'],
    ['fsync', 'w'],
  ],
};

/**
 * The state after the server has cleared the set-id bits and before it writes: written data must never have
 * them.
 */
const WITHOUT_RIGHTS: KillCase['allowedBetween'] = [
  [
    ['as', 0, 0],
    ['chmod', 'd/f', 0o775],
  ],
];

const DEEP: Tree = {
  a: dir({ b: dir({ c: dir({ f: FILE }, { mtime: 11 }) }, { uid: sys.BOB, mtime: 12 }) }, { mode: 0o711 }),
};
const MIB = 1 << 20;

/** Writes data at the beginning, in the middle and at the end, with holes between. */
function fillSparse(path: string, bytes: number): void {
  const fd = sys.open(path, sys.O_CREAT | sys.O_WRONLY);
  for (const at of [0, bytes >> 1, bytes - 5000]) sys.pwrite(fd, `data at ${at} `.repeat(400).slice(0, 5000), at);
  sys.close(fd);
  sys.chmod(path, 0o640);
}

export const changeCases: readonly KillCase[] = [
  ...all(ATTRIBUTES, { ...PLACES, ...OTHERS }),
  ...all(DATA, PLACES),
  ...all(
    {
      removexattr: ['removexattr', 'd/f', 'user.a'],
      'setxattr of an access ACL': ['setxattr', 'd/f', 'system.posix_acl_access', ACL],
    },
    { 'an upper file': at('upper', FILE), 'a lower file': at('lower1', FILE) },
  ),
  ...['chown', 'utimens'].map((operation) => ({
    operation,
    placement: 'a lower symlink',
    layers: at('lower1', symlink('target', { uid: sys.ALICE })),
    steps: [ATTRIBUTES[operation] as Step],
  })),
  ...Object.entries(OPENED).map(([operation, steps]) => ({
    operation,
    placement: 'a lower file, copied up at its open',
    layers: at('lower1', FILE),
    setup: [['open', 'w', 'd/f']] as const,
    steps,
  })),
  {
    operation: 'copy_file_range',
    placement: 'a lower file, copied up at its open',
    layers: { lower1: { d: dir({ f: FILE, g: 'of another' }) } },
    setup: [
      ['open', 'r', 'd/g', sys.O_RDONLY],
      ['open', 'w', 'd/f'],
    ],
    steps: [['copyRange', 'r', 'w', 10]],
  },
  {
    operation: 'open with O_TRUNC',
    placement: 'a lower file',
    layers: at('lower1', FILE),
    steps: [['open', 'w', 'd/f', sys.O_WRONLY | sys.O_TRUNC]],
  },
  {
    operation: 'truncate of a set-id file by its group',
    placement: 'a lower file',
    layers: at('lower1', file('program', { mode: 0o6775, gid: sys.STAFF })),
    setup: [['as', sys.ALICE, sys.STAFF]],
    steps: [['truncate', 'd/f', 3]],
    // The truncation can be visible before the set-id bits are cleared: the rest is the file's own content,
    // and the caller has added nothing.
    allowedBetween: [
      [
        ['as', 0, 0],
        ['truncate', 'd/f', 3],
      ],
    ],
  },
  {
    operation: 'write to a set-id file by its group',
    placement: 'an upper file',
    layers: at('upper', file('program', { mode: 0o6775, gid: sys.STAFF })),
    setup: [
      ['as', sys.ALICE, sys.STAFF],
      ['open', 'w', 'd/f'],
    ],
    steps: [['write', 'w', 'other']],
    allowedBetween: WITHOUT_RIGHTS,
  },
  {
    operation: 'chmod',
    placement: 'a file three levels down in a lower layer',
    layers: { lower2: DEEP },
    steps: [['chmod', 'a/b/c/f', 0o600]],
  },
  {
    operation: 'open for writing',
    placement: 'a sparse file of a lower layer',
    layers: { lower1: { d: dir() } },
    fillLower: (lower) => fillSparse(`${lower}/d/f`, 300_000),
    steps: [['touchForWriting', 'd/f']],
  },
  {
    operation: 'open for writing',
    placement: 'a large file of a lower layer',
    layers: { lower1: { d: dir() } },
    fillLower: (lower) => fillSparse(`${lower}/d/f`, 5 * MIB),
    steps: [['touchForWriting', 'd/f']],
    usesThreads: true,
  },
  {
    operation: 'open for writing, the copy synced in the background',
    placement: 'a file of a lower layer',
    layers: { lower1: { d: dir({ f: file('lower') }) } },
    steps: [['touchForWriting', 'd/f']],
    usesThreads: true,
    syncsInBackground: true,
  },
  {
    operation: 'rename while a copy is synced in the background',
    placement: 'a file of a lower layer',
    layers: { lower1: { d: dir({ f: file('lower') }) } },
    steps: [['touchAndRename', 'd/f', 'd/g']],
    usesThreads: true,
    syncsInBackground: true,
  },
  {
    operation: 'open for writing, the copying thread killed',
    placement: 'a large file of a lower layer',
    layers: { lower1: { d: dir() } },
    fillLower: (lower) => fillSparse(`${lower}/d/f`, 5 * MIB),
    steps: [['touchForWriting', 'd/f']],
    copyThread: true,
  },
];
