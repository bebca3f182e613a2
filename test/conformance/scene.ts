/** A directory with objects of several kinds, in each placement, on which cases provoke errnos. */
import { readFileSync } from 'node:fs';
import * as sys from '../harness/sys/index.js';
import { type Capability, type Case, type Context, PLACEMENTS, type Placement } from './case.js';
import { CONTENT } from './placements.js';
import {
  dir,
  type Entry,
  type Facts,
  file,
  type Layers,
  opaqueDir,
  special,
  symlink,
  type Tree,
  whiteout,
} from './tree.js';

/**
 * The mode of `locked` decides who can search it; it is the same in each layer, so that every union agrees.
 */
const LOCKED: Facts = { mode: 0o700 };
const OPEN: Facts = { mode: 0o777 };

/** The objects that the directory `d` of a scene can show. */
const OBJECTS = {
  f: file(CONTENT, { mode: 0o644, xattrs: { 'user.one': '1' } }),
  g: file('another', { mode: 0o644 }),
  // A program that runs for a while and exists on every machine.
  prog: file(readFileSync('/bin/sleep', 'latin1'), { mode: 0o755 }),
  script: file('#!/nowhere/interpreter\n', { mode: 0o755 }),
  garbage: file('no program', { mode: 0o755 }),
  s: dir({ x: 'x' }),
  e: dir(),
  loop: symlink('loop'),
  dangling: symlink('nowhere'),
  l: symlink('f'),
  p: special(sys.S_IFIFO),
  k: special(sys.S_IFSOCK),
  c: special(sys.S_IFCHR, 256 + 3, { mode: 0o666 }),
  nodriver: special(sys.S_IFCHR, 250 * 256 + 250, { mode: 0o666 }),
  a: file(CONTENT, { mode: 0o644, uid: sys.ALICE, gid: 7 }),
  sticky: dir({ f: 'f', s: dir() }, { mode: 0o1777 }),
  locked: dir({ f: file(CONTENT, { mode: 0o666 }), s: dir({}, OPEN) }, LOCKED),
} as const satisfies Tree;

/**
 * The objects that most cases need: two files, a directory with the file `x`, an empty one, a symlink to `f`.
 */
const USUAL = ['f', 'g', 's', 'e', 'l'] as const;

/** Returns the same names for a lower layer, whose objects the layers above hide or merge with. */
function shadow(objects: Tree): Tree {
  const entries = Object.entries(objects).map(([name, entry]): [string, Entry] => {
    // Directories merge, so that a lower one must have the same entries; other objects are hidden.
    if (typeof entry !== 'string' && entry.kind === 'directory') return [name, dir(entry.entries, entry.facts)];
    return [name, file('hidden by a layer above', { mode: 0o600, uid: 7 })];
  });
  return Object.fromEntries(entries);
}

function sceneLayers(placement: Placement, names: readonly (keyof typeof OBJECTS)[]): Layers {
  const objects: Tree = Object.fromEntries(names.map((name) => [name, OBJECTS[name]]));
  const hiding: Tree = Object.fromEntries(names.map((name) => [name, whiteout]));
  const d = (entries: Tree): Entry => dir(entries, { mode: 0o755 });
  switch (placement) {
    case 'upper':
      return { upper: { d: d(objects) } };
    case 'lower':
      return { lower1: { d: d(objects) } };
    case 'merged':
      return { upper: { d: d(objects) }, lower1: { d: d(shadow(objects)) } };
    case 'deep':
      return { lower1: { d: d({}) }, lower2: { d: d({}) }, lower3: { d: d(objects) } };
    case 'whiteout':
      return { lower1: { d: d(objects) }, lower2: { d: d(hiding) }, lower3: { d: d(shadow(objects)) } };
    case 'opaque':
      return { upper: { d: opaqueDir(objects) }, lower1: { d: d({ ...shadow(objects), n: 'hidden' }) } };
  }
}

export interface SceneCase {
  readonly id: string;
  readonly operation: string;
  readonly title: string;
  readonly needs?: readonly Capability[];
  /** The objects of the scene. Default: {@link USUAL}. */
  readonly objects?: readonly (keyof typeof OBJECTS)[];
  /** `at('f')` returns the path of `f` in the scene's directory. */
  run(at: (name: string) => string, ctx: Context): void;
}

/** Makes the case in each placement. */
export function onScene(spec: SceneCase): Case[] {
  return PLACEMENTS.map((placement) => ({
    id: `${spec.id}-${placement}`,
    operation: spec.operation,
    placement,
    title: `${spec.title} (${placement})`,
    needs: spec.needs ?? [],
    layers: sceneLayers(placement, spec.objects ?? USUAL),
    run: (ctx) => spec.run((name) => ctx.path(`d/${name}`), ctx),
  }));
}
