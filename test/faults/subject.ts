/** What one operation is tried on, and whether it has become what it should. */
import { type Snapshot, snapshot } from '../harness/snapshot.js';
import * as sys from '../harness/sys/index.js';
import type { ObservedUnion } from './observed-union.js';
import type { FaultedOperation } from './operations.js';

let serial = 0;

/** A directory of its own with the layers of one operation, ready for it. */
export class Subject {
  readonly before: Snapshot;
  private readonly name = `case-${++serial}`;
  private fd: number;
  /** Just before it was run. */
  private files: readonly string[] = [];
  private left: readonly string[] = [];
  private readonly numbers: Snapshot;

  constructor(
    private readonly stage: ObservedUnion,
    readonly operation: FaultedOperation,
  ) {
    stage.add(this.name, operation.layers);
    this.fd = operation.prepare?.(this.at) ?? -1;
    this.before = this.look();
    this.numbers = inodeNumbers(this.at, this.before);
  }

  private get at(): string {
    return `${this.stage.root}/${this.name}`;
  }

  /** @param begin what comes right before the operation, when all has been looked at */
  run(begin: () => void = () => {}): string {
    this.files = this.stage.openFiles();
    this.left = this.stage.leftovers();
    begin();
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
    const shown = this.look();
    const problems = compare('the mount', normal(expected), normal(shown));
    for (const [viewer, view] of Object.entries(this.stage.views(this.name))) {
      // With all times: what the kernel has cached of the mount is to be true.
      const exact = (tree: Snapshot): Snapshot => this.normal(tree, () => false);
      problems.push(...compare(`the layers seen by ${viewer}`, exact(shown), exact(view)));
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
   * After a success the times of what it changed are its own, and a directory in which a change was begun and
   * taken back has been changed. Links that part may have parted before the operation failed.
   */
  private normal(tree: Snapshot, timeless: (facts: string) => boolean): Snapshot {
    const { parts, losesCapability } = this.operation;
    const dropsSetId = this.operation.dropsSetId === true && timeless(DIRECTORY);
    const left = Object.entries(tree).map(([path, facts]) => {
      let line = facts;
      if (timeless(facts)) line = line.replace(/ mtime=\S+/, '');
      if (parts === true) line = line.replace(/ nlink=\d+/, '');
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

/** As a snapshot describes one. */
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
