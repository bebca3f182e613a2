/** Creation of objects at every kind of free name, by the server's own user and by another. */
import { dir, file, type Layers, opaqueDir, symlink, whiteout } from '../../../../conformance/tree.js';
import * as sys from '../../../../harness/sys/index.js';
import type { Step } from '../executor.js';
import type { KillCase } from '../kill-case.js';

const ACL = sys.acl(`u::rwx user:${sys.BOB}:r-x g::r-x m::rwx o::---`).toString('latin1');

/** The placements in which the name `d/new` is free. */
const FREE: Readonly<Record<string, Layers>> = {
  'in an upper directory': { upper: { d: dir({ f: 'upper' }) } },
  'in a lower directory': { lower1: { d: dir({ f: 'lower' }, { mode: 0o770, uid: sys.ALICE }) } },
  'in a merged directory': { upper: { d: dir({ f: 'upper' }) }, lower1: { d: dir({ g: 'lower' }) } },
  'in an opaque directory': { upper: { d: opaqueDir({ f: 'upper' }) }, lower1: { d: dir({ new: 'hidden' }) } },
  'over a whiteout of a file': { upper: { d: dir({ new: whiteout }) }, lower1: { d: dir({ new: 'hidden' }) } },
  'over a whiteout of a directory': {
    upper: { d: dir({ new: whiteout }) },
    lower1: { d: dir({ new: dir({ inside: 'hidden' }) }) },
  },
  'over a whiteout in a lower layer': {
    lower1: { d: dir({ new: whiteout }) },
    lower2: { d: dir({ new: dir({ inside: 'hidden' }) }) },
  },
  'below a setgid directory with a default ACL': {
    lower1: {
      d: dir({ f: 'lower' }, { mode: 0o2775, gid: sys.STAFF, xattrs: { 'system.posix_acl_default': ACL } }),
    },
  },
};

const MAKE: Readonly<Record<string, readonly Step[]>> = {
  create: [['create', 'w', 'd/new', 0o640]],
  mkdir: [['mkdir', 'd/new', 0o750]],
  'mknod of a fifo': [['mknod', 'd/new', sys.S_IFIFO | 0o644]],
  symlink: [['symlink', 'to/nowhere', 'd/new']],
};

const alice: Step = ['as', sys.ALICE, sys.STAFF];

/** Parents in lower layers on several levels, each of which is copied up first. */
const DEEP: Layers = {
  lower1: { a: dir({}, { mtime: 5000 }) },
  lower2: { a: dir({ b: dir({ c: dir({ f: 'lower' }, { mode: 0o751 }) }, { uid: sys.ALICE, mode: 0o1777 }) }) },
};

const FILE = file('a lower file', { mode: 0o640, uid: sys.ALICE, xattrs: { 'user.a': 'b' } });

/** The file `from`, of which `d/new` becomes another name. */
const LINKED: Readonly<Record<string, Layers>> = {
  'of an upper file': { upper: { from: FILE } },
  'of a lower file': { lower1: { from: FILE } },
  'of a lower symlink': { lower1: { from: symlink('target', { uid: sys.ALICE }) } },
};

function both(one: Layers, other: Layers): Layers {
  return {
    upper: { ...one.upper, ...other.upper },
    lower1: { ...one.lower1, ...other.lower1 },
    lower2: other.lower2 ?? {},
  };
}

function makings(): KillCase[] {
  return Object.entries(MAKE).flatMap(([operation, steps]) =>
    Object.entries(FREE).flatMap(([placement, layers]) => [
      { operation, placement, layers, steps },
      { operation: `${operation} by another user`, placement, layers, setup: [alice], steps },
    ]),
  );
}

function links(): KillCase[] {
  return Object.entries(LINKED).flatMap(([what, from]) =>
    Object.entries(FREE).map(([placement, layers]) => ({
      operation: `link ${what}`,
      placement,
      layers: both(from, layers),
      steps: [['link', 'from', 'd/new']] as const,
    })),
  );
}

export const makeCases: readonly KillCase[] = [
  ...makings(),
  ...links(),
  ...['create', 'mkdir'].map((call) => ({
    operation: call,
    placement: 'three levels down in lower layers',
    layers: DEEP,
    steps: [call === 'create' ? (['create', 'w', 'a/b/c/new'] as const) : (['mkdir', 'a/b/c/new'] as const)],
  })),
  ...Object.entries(FREE).map(([placement, layers]) => ({
    operation: 'tmpfile that gets a name',
    placement,
    layers,
    setup: [
      ['tmpfile', 't', 'd'],
      ['write', 't', 'content'],
      ['fsync', 't'],
    ] as const,
    steps: [['linkHeld', 't', 'd/new']] as const,
  })),
];
