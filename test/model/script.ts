/** What a run does: layers, the steps on them, and more steps after the mounts have changed hands. */
import type fc from 'fast-check';
import { aLayerItem, type LayerItem } from './layers.js';
import { anOperation, type Operation } from './operation.js';
import { Sequence } from './sequence.js';

/** One part of a script. A script is a flat list of them, so that any part of it can be left out. */
export type Part =
  | { readonly in: 'layers'; readonly item: LayerItem }
  | { readonly in: 'first' | 'second'; readonly operation: Operation };

export interface Script {
  readonly items: readonly LayerItem[];
  readonly first: readonly Operation[];
  readonly second: readonly Operation[];
}

const aLayerPart = aLayerItem.map((item): Part => ({ in: 'layers', item }));
const aFirstPart = anOperation.map((operation): Part => ({ in: 'first', operation }));
const aSecondPart = anOperation.map((operation): Part => ({ in: 'second', operation }));

export function someParts(items: number, first: number, second: number): Sequence<Part> {
  return new Sequence<Part>([
    ...new Array<fc.Arbitrary<Part>>(items).fill(aLayerPart),
    ...new Array<fc.Arbitrary<Part>>(first).fill(aFirstPart),
    ...new Array<fc.Arbitrary<Part>>(second).fill(aSecondPart),
  ]);
}

export function scriptOf(parts: readonly Part[]): Script {
  const operations = (phase: 'first' | 'second'): Operation[] =>
    parts.flatMap((part) => (part.in === phase ? [part.operation] : []));
  return {
    items: parts.flatMap((part) => (part.in === 'layers' ? [part.item] : [])),
    first: operations('first'),
    second: operations('second'),
  };
}
