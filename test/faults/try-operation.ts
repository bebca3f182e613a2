/**
 * Lets the first operation of the layers fail, then the second, and so on, until an operation of the union
 * meets no fault.
 */
import { type FaultErrno, KINDS } from '../harness/faulty-layer.js';
import type { Snapshot } from '../harness/snapshot.js';
import type { FaultedOperation } from './operations.js';
import type { FaultStage } from './stage.js';
import { Subject } from './subject.js';

/** One fault, and what came of it. */
export interface Trial {
  readonly operation: string;
  readonly errno: FaultErrno;
  readonly n: number;
  /** The request of the layer that failed. */
  readonly kind: string;
  /**
   * `refused`: the caller got the errno, and all is as before; `done`: the operation went on without what
   * failed; `untold`: it was done, and its answer could not be had.
   */
  readonly result: 'refused' | 'done' | 'untold';
  /** In what the tree, the layers or the server differ from what they should be. */
  readonly problems: readonly string[];
}

export interface TryOptions {
  readonly errno: FaultErrno;
  /** All operations of these kinds fail from the n-th on, as on a disk that stays full. */
  readonly lasting?: readonly string[];
  /** What can fail. Default: every kind. */
  readonly kinds?: readonly string[];
  /** The first n, and how many further the next is: a sample of all. Default 1 and 1. */
  readonly first?: number;
  readonly step?: number;
}

/** More than any operation needs. */
const MOST = 400;
export function tryOperation(
  stage: FaultStage,
  operation: FaultedOperation,
  { errno, lasting, kinds = KINDS, first = 1, step = 1 }: TryOptions,
): Trial[] {
  const trials: Trial[] = [];
  const expected = resultWithoutFault(stage, operation);
  let subject = new Subject(stage, operation);
  try {
    for (let n = first; n <= MOST; n += step) {
      const plan = { n, errno, kinds: lasting ?? kinds, lasting: lasting !== undefined };
      const outcome = subject.run(() => stage.faults.arm(plan));
      const { hits, hitKind: kind } = stage.faults;
      stage.faults.disarm();
      const { result, problems } = judge(subject, expected, outcome, kind);
      const expectedErrno = operation.marks === true && errno === 'ENOSPC' && outcome === 'EXDEV' ? 'EXDEV' : errno;
      if (outcome !== 'ok' && outcome !== expectedErrno) problems.unshift(`the caller got ${outcome}`);
      if (hits === 0 && outcome !== 'ok') problems.unshift('it failed without a fault');
      if (hits > 0 || problems.length > 0) trials.push({ operation: operation.id, errno, n, kind, result, problems });
      if (hits === 0) return trials;
      if (result === 'refused' && problems.length === 0) continue;
      subject.close();
      subject = new Subject(stage, operation);
    }
    throw new Error(`${operation.id}: a fault is met at operation ${MOST} still`);
  } finally {
    stage.faults.disarm();
    subject.close();
  }
}

function judge(
  subject: Subject,
  expected: Snapshot,
  outcome: string,
  kind: string,
): { result: Trial['result']; problems: string[] } {
  if (outcome === 'ok') return { result: 'done', problems: subject.differences(expected, false) };
  const problems = subject.differences(subject.before, true);
  const untold = problems.length > 0 && subject.operation.describes === true && kind === 'GETATTR';
  if (untold && subject.differences(expected, false).length === 0) return { result: 'untold', problems: [] };
  return { result: 'refused', problems };
}

function resultWithoutFault(stage: FaultStage, operation: FaultedOperation): Snapshot {
  const subject = new Subject(stage, operation);
  try {
    const outcome = subject.run();
    if (outcome !== 'ok') throw new Error(`${operation.id}: ${outcome} without a fault`);
    return subject.look();
  } finally {
    subject.close();
  }
}
