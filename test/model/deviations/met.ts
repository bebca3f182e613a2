/** What a deviation is told of a step, and how the deviations that are met are counted. */
import type { Operation } from '../operation.js';
import type { Side } from '../side.js';

export interface Pair {
  /** What is right by definition. */
  readonly oracle: Side;
  readonly subject: Side;
}

/** A step that was done on both sides. */
export interface Done extends Pair {
  readonly operation: Operation;
  readonly expected: string;
  readonly got: string;
}

/** How often each deviation was met, by its name. */
export type Met = Map<string, number>;

export function count(met: Met, name: string): void {
  met.set(name, (met.get(name) ?? 0) + 1);
}
