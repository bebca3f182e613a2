/** Makes cases of one test, with its object in each placement in the layers. */
import { type Capability, type Case, type Context, PLACEMENTS, type Placement, type SingleCase } from './case.js';
import { dir, type Entry, type Facts, file, type Layers, opaqueDir, type Tree, whiteout } from './tree.js';

interface Placed extends Omit<SingleCase, 'placement' | 'layers' | 'run'> {
  /** Default: all. */
  readonly placements?: readonly Placement[];
}

function spread(spec: Placed, layers: (placement: Placement) => Layers, run: (ctx: Context) => void): Case[] {
  return (spec.placements ?? PLACEMENTS).map((placement) => ({
    id: `${spec.id}-${placement}`,
    operation: spec.operation,
    placement,
    title: `${spec.title} (${placement})`,
    needs: spec.needs ?? ([] as readonly Capability[]),
    layers: layers(placement),
    run,
  }));
}

const OTHER = file('a lower file of another content, to be hidden', { mode: 0o600, uid: 7, mtime: 1 });

/** Returns layers in which `d/f` is `object`, in this placement. */
function placeObject(placement: Placement, object: Entry): Layers {
  switch (placement) {
    case 'upper':
      return { upper: { d: dir({ f: object }) } };
    case 'lower':
      return { lower1: { d: dir({ f: object }) } };
    case 'merged':
      return { upper: { d: dir({ f: object }) }, lower1: { d: dir({ f: OTHER, other: 'lower' }) } };
    case 'deep':
      return {
        lower1: { d: dir({ one: '1' }) },
        lower2: { d: dir({ two: '2' }) },
        lower3: { d: dir({ f: object, three: '3' }) },
      };
    case 'whiteout':
      return {
        lower1: { d: dir({ f: object }) },
        lower2: { d: dir({ f: whiteout }) },
        lower3: { d: dir({ f: OTHER }) },
      };
    case 'opaque':
      return { upper: { d: opaqueDir({ f: object }) }, lower1: { d: dir({ f: OTHER, other: 'hidden' }) } };
  }
}

export interface FileCase extends Placed {
  /** The object at `d/f`. Default: a file with the content `content`. */
  readonly object?: Entry;
  run(ctx: Context, path: string): void;
}

export const CONTENT = 'content';

/**
 * Makes cases about an existing object at `d/f`, whose path `run` gets. In the placement `whiteout`, the
 * object is above a whiteout.
 */
export function onFile(spec: FileCase): Case[] {
  const object = spec.object ?? file(CONTENT);
  return spread(
    spec,
    (placement) => placeObject(placement, object),
    (ctx) => spec.run(ctx, ctx.path('d/f')),
  );
}

/** Returns layers in which `d` has no name `n`, in this placement. */
function placeAbsence(placement: Placement, facts: Facts): Layers {
  const d = (entries: Tree): Entry => dir(entries, facts);
  const hidden = dir({ inside: 'must stay hidden' });
  switch (placement) {
    case 'upper':
      return { upper: { d: d({}) } };
    case 'lower':
      return { lower1: { d: d({}) } };
    case 'merged':
      return { upper: { d: d({ a: 'upper' }) }, lower1: { d: d({ b: 'lower' }) } };
    case 'deep':
      return { lower3: { d: d({}) } };
    case 'whiteout':
      return { upper: { d: d({ n: whiteout }) }, lower1: { d: d({ n: hidden }) } };
    case 'opaque':
      return { upper: { d: opaqueDir({}, facts) }, lower1: { d: d({ n: hidden }) } };
  }
}

export interface AbsenceCase extends Placed {
  /** The attributes of the directory `d`, in every layer that has it. */
  readonly directory?: Facts;
  run(ctx: Context, path: string): void;
}

/**
 * Makes cases about making the free name `d/n`. In the placements `whiteout` and `opaque`, a lower directory
 * of this name is hidden.
 */
export function onAbsence(spec: AbsenceCase): Case[] {
  return spread(
    spec,
    (placement) => placeAbsence(placement, spec.directory ?? {}),
    (ctx) => spec.run(ctx, ctx.path('d/n')),
  );
}

/** Returns layers in which `d` shows exactly the files `a`, `b` and `c`, in this placement. */
function placeListing(placement: Placement, facts: Facts): Layers {
  const d = (entries: Tree): Entry => dir(entries, facts);
  switch (placement) {
    case 'upper':
      return { upper: { d: d({ a: 'a', b: 'b', c: 'c' }) } };
    case 'lower':
      return { lower1: { d: d({ a: 'a', b: 'b', c: 'c' }) } };
    case 'merged':
      return { upper: { d: d({ a: 'a', b: 'b' }) }, lower1: { d: d({ b: 'hidden', c: 'c' }) } };
    case 'deep':
      return { lower1: { d: d({ a: 'a' }) }, lower2: { d: d({ b: 'b' }) }, lower3: { d: d({ c: 'c', a: 'hidden' }) } };
    case 'whiteout':
      return { upper: { d: d({ gone: whiteout }) }, lower1: { d: d({ a: 'a', b: 'b', c: 'c', gone: 'hidden' }) } };
    case 'opaque':
      return { upper: { d: opaqueDir({ a: 'a', b: 'b', c: 'c' }, facts) }, lower1: { d: d({ hidden: 'hidden' }) } };
  }
}

export interface DirectoryCase extends Placed {
  readonly directory?: Facts;
  run(ctx: Context, path: string): void;
}

/** Makes cases about the existing directory `d`, which shows exactly `a`, `b` and `c`. */
export function onDirectory(spec: DirectoryCase): Case[] {
  return spread(
    spec,
    (placement) => placeListing(placement, spec.directory ?? {}),
    (ctx) => spec.run(ctx, ctx.path('d')),
  );
}

/** The placements in which a directory is in a lower layer, so that a union can refuse to rename it. */
export const IN_LOWER: readonly Placement[] = ['lower', 'merged', 'deep', 'whiteout'];
/** The placements in which a directory is in the upper alone. */
export const IN_UPPER: readonly Placement[] = ['upper', 'opaque'];
