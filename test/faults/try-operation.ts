/**
 * Makes the first operation of the layers fail, then the second, and so on, until the operation of the union
 * meets no fault.
 */
import { type FaultErrno, KINDS } from '../harness/faulty-layer.js';
import type { Snapshot } from '../harness/snapshot.js';
import type { FaultyUnion } from './faulty-union.js';
import type { FaultedOperation } from './operations.js';
import { Subject } from './subject.js';

/** One fault and its result. */
export interface Trial {
  readonly operation: string;
  readonly errno: FaultErrno;
  readonly n: number;
  /** The kind of the layer's request that failed. */
  readonly kind: string;
  /**
   * `refused`: the caller got the errno, and nothing has changed. `done`: the operation succeeded without the
   * failed request. `unreported`: the change was made, but its reply could not be built.
   */
  readonly result: 'refused' | 'done' | 'unreported';
  /** How the tree, the layers or the server differ from the expected state. */
  readonly problems: readonly string[];
}

export interface TryOptions {
  readonly errno: FaultErrno;
  /** The kinds of which all operations from the n-th on fail, as on a full disk. */
  readonly lasting?: readonly string[];
  /** The kinds that can fail. Default: all. */
  readonly kinds?: readonly string[];
  /** The first n and the step to the next one: a sample of all. Default: 1 and 1. */
  readonly first?: number;
  readonly step?: number;
}

/** More requests than any operation makes. */
const MOST = 400;
export function tryOperation(
  union: FaultyUnion,
  operation: FaultedOperation,
  { errno, lasting, kinds = KINDS, first = 1, step = 1 }: TryOptions,
): Trial[] {
  const trials: Trial[] = [];
  const expected = resultWithoutFault(union, operation);
  let subject = new Subject(union, operation);
  try {
    for (let n = first; n <= MOST; n += step) {
      const plan = { n, errno, kinds: lasting ?? kinds, lasting: lasting !== undefined };
      const outcome = subject.run(() => union.faults.arm(plan));
      const { hits, hitKind: kind } = union.faults;
      union.faults.disarm();
      const { result, problems } = judge(subject, expected, outcome, kind);
      const expectedErrno =
        operation.marksDirectory === true && errno === 'ENOSPC' && outcome === 'EXDEV' ? 'EXDEV' : errno;
      if (outcome !== 'ok' && outcome !== expectedErrno) problems.unshift(`the caller got ${outcome}`);
      if (hits === 0 && outcome !== 'ok') problems.unshift('the operation failed without a fault');
      if (hits > 0 || problems.length > 0) trials.push({ operation: operation.id, errno, n, kind, result, problems });
      if (hits === 0) return trials;
      if (result === 'refused' && problems.length === 0) continue;
      subject.close();
      subject = new Subject(union, operation);
    }
    throw new Error(`${operation.id}: operation ${MOST} of the layers still fails`);
  } finally {
    union.faults.disarm();
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
  const unreported = problems.length > 0 && subject.operation.returnsAttributes === true && kind === 'GETATTR';
  if (unreported && subject.differences(expected, false).length === 0) return { result: 'unreported', problems: [] };
  return { result: 'refused', problems };
}

function resultWithoutFault(union: FaultyUnion, operation: FaultedOperation): Snapshot {
  const subject = new Subject(union, operation);
  try {
    const outcome = subject.run();
    if (outcome !== 'ok') throw new Error(`${operation.id}: ${outcome} without a fault`);
    return subject.look();
  } finally {
    subject.close();
  }
}
