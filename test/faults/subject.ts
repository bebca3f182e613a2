/** The objects that one operation is run on, and the check of its result. */
import { type Snapshot, snapshot } from '../harness/snapshot.js';
import * as sys from '../harness/sys/index.js';
import type { ObservedUnion } from './observed-union.js';
import type { FaultedOperation } from './operations.js';

let serial = 0;

/** A directory of the union with the layers of one operation, prepared for it. */
export class Subject {
  readonly before: Snapshot;
  private readonly name = `case-${++serial}`;
  private fd: number;
  /** The open files and the leftovers immediately before the operation. */
  private files: readonly string[] = [];
  private left: readonly string[] = [];
  private readonly numbers: Snapshot;

  constructor(
    private readonly union: ObservedUnion,
    readonly operation: FaultedOperation,
  ) {
    union.add(this.name, operation.layers);
    this.fd = operation.prepare?.(this.at) ?? -1;
    this.before = this.look();
    this.numbers = inodeNumbers(this.at, this.before);
  }

  private get at(): string {
    return `${this.union.root}/${this.name}`;
  }

  /** @param begin runs immediately before the operation, after the state was recorded */
  run(begin: () => void = () => {}): string {
    this.files = this.union.openFiles();
    this.left = this.union.leftovers();
    begin();
    return sys.outcome(() => this.operation.run(this.at, this.fd));
  }

  look(): Snapshot {
    return snapshot(this.at);
  }

  /**
   * Returns how the union, and its layers as other programs see them, differ from `expected`.
   * @param unchanged true: the operation has failed, and must leave nothing behind
   */
  differences(expected: Snapshot, unchanged: boolean): string[] {
    const normal = (tree: Snapshot): Snapshot => this.normal(tree, unchanged ? isDirectory : () => true);
    const shown = this.look();
    const problems = compare('the mount', normal(expected), normal(shown));
    for (const [viewer, view] of Object.entries(this.union.views(this.name))) {
      // Times included: the attributes that the kernel has cached for the mount must be true.
      const exact = (tree: Snapshot): Snapshot => this.normal(tree, () => false);
      problems.push(...compare(`the layers seen by ${viewer}`, exact(shown), exact(view)));
    }
    if (!unchanged) return problems;
    if (this.operation.breaksLinks !== true) {
      problems.push(...compare('the inode numbers', this.numbers, inodeNumbers(this.at, this.before)));
    }
    problems.push(...added('left behind', this.left, this.union.leftovers()));
    problems.push(...this.leftOpen());
    return problems;
  }

  /**
   * Files that the server still has open. The kernel sends RELEASE a moment after the caller has closed a
   * file.
   */
  private leftOpen(): string[] {
    const deadline = Date.now() + 2000;
    for (;;) {
      const left = added('left open', this.files, this.union.openFiles());
      if (left.length === 0 || Date.now() > deadline) return left;
    }
  }

  /**
   * Removes facts that can differ. After a success, the changed objects have new times; a directory in which
   * a change was made and undone has new times too. An operation that breaks links can have broken them
   * before it failed.
   */
  private normal(tree: Snapshot, timeless: (facts: string) => boolean): Snapshot {
    const { breaksLinks, losesCapability } = this.operation;
    const dropsSetId = this.operation.dropsSetId === true && timeless(DIRECTORY);
    const left = Object.entries(tree).map(([path, facts]) => {
      let line = facts;
      if (timeless(facts)) line = line.replace(/ mtime=\S+/, '');
      if (breaksLinks === true) line = line.replace(/ nlink=\d+/, '');
      if (losesCapability === true) line = line.replace(/ security\.capability=\S+/, '');
      if (dropsSetId) line = line.replace(/^10[46]755/, '100755');
      return [path, line];
    });
    return Object.fromEntries(left);
  }

  close(): void {
    if (this.fd >= 0) sys.close(this.fd);
    this.fd = -1;
  }
}

/** The facts of a directory in a snapshot begin so. */
const DIRECTORY = '40755';

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

/** Returns the elements that `now` has and `then` does not have. */
function added(what: string, then: readonly string[], now: readonly string[]): string[] {
  const known = [...then];
  return now.flatMap((one) => {
    const at = known.indexOf(one);
    if (at < 0) return [`${what}: ${one}`];
    known.splice(at, 1);
    return [];
  });
}
