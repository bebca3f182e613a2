/** Lets the first operation of the layers fail, then the second, and so on, until an operation of the union meets no fault. */
import type { FaultErrno } from '../harness/faulty-layer.js';
import { type Snapshot, snapshot } from '../harness/snapshot.js';
import * as sys from '../harness/sys/index.js';
import type { FaultedOperation } from './operations.js';
import type { FaultStage } from './stage.js';

/** One fault, and what came of it. */
export interface Trial {
  readonly operation: string;
  readonly errno: FaultErrno;
  readonly n: number;
  /** The request of the layer that failed. */
  readonly kind: string;
  /**
   * `refused`: the caller got the errno, and all is as before; `done`: the operation went on without what failed; `untold`: it
   * was done, and its answer could not be had.
   */
  readonly result: 'refused' | 'done' | 'untold';
  /** In what the tree, the layers or the server differ from what they should be. */
  readonly problems: readonly string[];
}

export interface TryOptions {
  readonly errno: FaultErrno;
  /** All operations of these kinds fail from the n-th on, as on a disk that stays full. */
  readonly lasting?: readonly string[];
  /** The first n, and how many further the next is: a sample of all. Default 1 and 1. */
  readonly first?: number;
  readonly step?: number;
}

/** More than any operation needs. */
const MOST = 400;
let serial = 0;

export function tryOperation(
  stage: FaultStage,
  operation: FaultedOperation,
  { errno, lasting, first = 1, step = 1 }: TryOptions,
): Trial[] {
  const trials: Trial[] = [];
  const expected = resultWithoutFault(stage, operation);
  let subject = new Subject(stage, operation);
  try {
    for (let n = first; n <= MOST; n += step) {
      stage.faults.arm({ n, errno, ...(lasting === undefined ? {} : { kinds: lasting, lasting: true }) });
      const outcome = subject.run();
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

/** A directory of its own with the layers of one operation, ready for it. */
class Subject {
  readonly before: Snapshot;
  private readonly name = `case-${++serial}`;
  private readonly fd: number;
  private readonly files: readonly string[];
  private readonly left: readonly string[];
  private readonly numbers: Snapshot;

  constructor(
    private readonly stage: FaultStage,
    readonly operation: FaultedOperation,
  ) {
    stage.add(this.name, operation.layers);
    this.fd = operation.prepare?.(this.at) ?? -1;
    this.before = this.look();
    this.numbers = inodeNumbers(this.at, this.before);
    this.files = stage.openFiles();
    this.left = stage.leftovers();
  }

  private get at(): string {
    return `${this.stage.root}/${this.name}`;
  }

  run(): string {
    return sys.outcome(() => this.operation.run(this.at, this.fd));
  }

  look(): Snapshot {
    return snapshot(this.at);
  }

  /**
   * In what the union, and its layers seen by others, differ from `expected`.
   * @param unchanged the operation has failed: nothing is to remain of it
   */
  differences(expected: Snapshot, unchanged: boolean): string[] {
    const normal = (tree: Snapshot): Snapshot => this.normal(tree, unchanged ? isDirectory : () => true);
    const problems = compare('the mount', normal(expected), normal(this.look()));
    for (const [viewer, view] of Object.entries(this.stage.views(this.name))) {
      problems.push(...compare(`the layers seen by ${viewer}`, normal(expected), normal(view)));
    }
    if (!unchanged) return problems;
    if (this.operation.parts !== true) {
      problems.push(...compare('the inode numbers', this.numbers, inodeNumbers(this.at, this.before)));
    }
    problems.push(...added('left behind', this.left, this.stage.leftovers()));
    problems.push(...this.leftOpen());
    return problems;
  }

  /** A file that the caller has closed is released by the kernel a moment later. */
  private leftOpen(): string[] {
    const deadline = Date.now() + 2000;
    for (;;) {
      const left = added('left open', this.files, this.stage.openFiles());
      if (left.length === 0 || Date.now() > deadline) return left;
    }
  }

  /**
   * After a success the times of what it changed are its own, and a directory in which a change was begun and taken back has
   * been changed. Links that part may have parted before the operation failed.
   */
  private normal(tree: Snapshot, timeless: (facts: string) => boolean): Snapshot {
    const { parts, dropsSetId } = this.operation;
    const left = Object.entries(tree).map(([path, facts]) => {
      let line = facts;
      if (timeless(facts)) line = line.replace(/ mtime=\S+/, '');
      if (parts === true) line = line.replace(/ nlink=\d+/, '');
      if (dropsSetId === true) line = line.replace(/^10[46]755/, '100755');
      return [path, line];
    });
    return Object.fromEntries(left);
  }

  close(): void {
    if (this.fd >= 0) sys.close(this.fd);
  }
}

function isDirectory(facts: string): boolean {
  return facts.startsWith('4');
}

function inodeNumbers(at: string, tree: Snapshot): Snapshot {
  const number = (path: string): string => {
    let found = 'absent';
    sys.outcome(() => {
      found = String(sys.lstat(`${at}/${path}`).ino);
    });
    return found;
  };
  return Object.fromEntries(Object.keys(tree).map((path) => [path, number(path)]));
}

function compare(where: string, expected: Snapshot, got: Snapshot): string[] {
  const paths = new Set([...Object.keys(expected), ...Object.keys(got)]);
  return [...paths]
    .filter((path) => expected[path] !== got[path])
    .map((path) => `${where}: ${path}: ${expected[path] ?? 'absent'} => ${got[path] ?? 'absent'}`);
}

/** What `now` has more than `then`. */
function added(what: string, then: readonly string[], now: readonly string[]): string[] {
  const known = [...then];
  return now.flatMap((one) => {
    const at = known.indexOf(one);
    if (at < 0) return [`${what}: ${one}`];
    known.splice(at, 1);
    return [];
  });
}
