/** A step that was made on both sides, as deviations get it, and the counts of deviations. */
import type { Operation } from '../script/operation.js';
import type { Side } from '../sides/side.js';

export interface Pair {
  /** The side whose behaviour is correct by definition. */
  readonly oracle: Side;
  readonly subject: Side;
}

/** A step with its results on both sides. */
export interface DoneStep extends Pair {
  readonly operation: Operation;
  readonly expected: string;
  readonly got: string;
}

/** The number of times that each deviation was met, by name. */
export type DeviationCounts = Map<string, number>;

export function count(met: DeviationCounts, name: string): void {
  met.set(name, (met.get(name) ?? 0) + 1);
}
