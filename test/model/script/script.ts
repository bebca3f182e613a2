/** A script: layers, the steps on them, and more steps after the sides have exchanged their layers. */
import type fc from 'fast-check';
import { aLayerItem, type LayerItem } from './layers.js';
import { anOperation, anOperationOfForgetfulKernel, type Operation } from './operation.js';
import { Sequence } from './sequence.js';

/** A part of a script. A script is a flat list of parts, so that any part can be left out. */
export type Part =
  | { readonly in: 'layers'; readonly item: LayerItem }
  | { readonly in: 'first' | 'second'; readonly operation: Operation };

export interface Script {
  readonly items: readonly LayerItem[];
  readonly first: readonly Operation[];
  readonly second: readonly Operation[];
}

const aLayerPart = aLayerItem.map((item): Part => ({ in: 'layers', item }));
/** The number of parts of each kind. */
export interface Amounts {
  readonly items: number;
  readonly first: number;
  readonly second: number;
}

/** @param isForgetful true: the kernel sometimes forgets its caches of the mounts */
export function someParts({ items, first, second }: Amounts, isForgetful: boolean): Sequence<Part> {
  const one = isForgetful ? anOperationOfForgetfulKernel : anOperation;
  const stepsIn = (phase: 'first' | 'second', count: number): fc.Arbitrary<Part>[] =>
    new Array<fc.Arbitrary<Part>>(count).fill(one.map((operation): Part => ({ in: phase, operation })));
  return new Sequence<Part>([
    ...new Array<fc.Arbitrary<Part>>(items).fill(aLayerPart),
    ...stepsIn('first', first),
    ...stepsIn('second', second),
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
