/** Runs a script on two trees, step by step. */
import { type Snapshot, snapshot } from '../harness/snapshot.js';
import { answersAgree } from './deviations/answers.js';
import { count, type DeviationCounts, type Pair } from './deviations/done-step.js';
import {
  closeUnlinkedLowerFiles,
  isAllowedByAufsOnly,
  restoreDataTimes,
  restoreMappedTimes,
  restoreRenameTimes,
  restoreSetGid,
  restoreSetIdBits,
  restoreTruncationTimes,
  writeBackMappings,
} from './deviations/effects.js';
import { COLD_START, checkAfter, formatOperation, LOOK, type Operation, perform } from './script/operation.js';
import { CLOCK } from './script/values.js';
import type { Target } from './sides/target.js';

/** A difference between the two sides. */
export class Difference extends Error {
  override readonly name = 'Difference';
  constructor(
    readonly where: string,
    readonly expected: string,
    readonly got: string,
  ) {
    super(`${where}\n  expected: ${expected}\n  got:      ${got}`);
  }
}

export function treeOf({ mountpoint }: { readonly mountpoint: string }): Snapshot {
  return snapshot(mountpoint, { links: true });
}

/**
 * As {@link treeOf}, for the kernel's overlayfs. If two copies have one lower file as origin, it shows the
 * number of that file for both (fs/overlayfs/inode.c:ovl_map_dev_ino), although they are two files with one
 * link each.
 */
export function treeOfKernel(mounted: { readonly mountpoint: string }): Snapshot {
  return Object.fromEntries(
    Object.entries(treeOf(mounted)).map(([path, facts]) => [
      path,
      / nlink=1 /.test(facts) ? facts.replace(/ same as .*$/, '') : facts,
    ]),
  );
}

/** Replaces times that the clock has set, which differ between the sides. */
export function withoutClock(tree: Snapshot): Snapshot {
  return Object.fromEntries(
    Object.entries(tree).map(([path, facts]) => [
      path,
      facts.replace(/mtime=(-?\d+)\.\d+/, (mtime, sec: string) =>
        Number(sec) > CLOCK.from && Number(sec) < CLOCK.to ? 'mtime=clock' : mtime,
      ),
    ]),
  );
}

/** Throws the first difference. */
export function compareTrees(
  where: string,
  expected: Snapshot,
  got: Snapshot,
  { comparable }: Pick<Target, 'comparable'>,
): void {
  const paths = [...new Set([...Object.keys(expected), ...Object.keys(got)])].sort();
  const wrong = paths.filter((path) => comparable(expected[path] ?? '') !== comparable(got[path] ?? ''));
  const [first] = wrong;
  if (first === undefined) return;
  const describe = (tree: Snapshot): string => `${JSON.stringify(first)} ${tree[first] ?? 'is absent'}`;
  const others = wrong.length === 1 ? '' : ` (and ${wrong.length - 1} more: ${JSON.stringify(wrong.slice(1, 6))})`;
  throw new Difference(`${where}: the trees differ${others}`, describe(expected), describe(got));
}

export function lookAtBoth(where: string, { oracle, subject }: Pair, target: Pick<Target, 'comparable'>): void {
  const [theirs, ours] = [treeOfKernel(oracle), treeOf(subject)].map(withoutClock) as [Snapshot, Snapshot];
  compareTrees(where, withNumbersOfSymlinks(theirs, ours), ours, target);
}

/**
 * Under `userxattr`, the kernel cannot store the origin of a symlink that link(2) has copied up
 * (fs/overlayfs/inode.c:ovl_get_inode). Until it forgets the old inode, the names of the symlink show two
 * numbers. It is one file, with one number.
 */
function withNumbersOfSymlinks(theirs: Snapshot, ours: Snapshot): Snapshot {
  const withoutNumber = (facts: string): string => facts.replace(/ same as .*$/, '');
  return Object.fromEntries(
    Object.entries(theirs).map(([path, facts]) => {
      const shown = ours[path];
      const mayDiffer = /^120777 .* nlink=(?!1 )/.test(facts) && shown !== undefined;
      return [path, mayDiffer && withoutNumber(shown) === withoutNumber(facts) ? shown : facts];
    }),
  );
}

/** The state of a run. */
export interface Progress {
  steps: number;
  readonly met: DeviationCounts;
  readonly target: Pick<Target, 'isAufs' | 'omits' | 'comparable'>;
}

/** @param report receives both results, equal or not */
export function step(
  operation: Operation,
  pair: Pair,
  progress: Progress,
  report: (expected: string, got: string) => void = () => undefined,
): void {
  const { oracle, subject } = pair;
  progress.steps++;
  const where = `step ${progress.steps}: ${formatOperation(operation)}`;
  if (operation.call === LOOK) {
    lookAtBoth(where, pair, progress.target);
    return;
  }
  if (operation.call === COLD_START) {
    throw new Error(`${where}: a cold start is not possible on given mounts`);
  }
  if (progress.target.omits(operation)) return;
  const parted = closeUnlinkedLowerFiles(pair, progress.met);
  if (parted !== null) throw new Difference(where, 'the same content', parted);
  writeBackMappings(operation, pair);
  const { comparable } = progress.target;
  const expected = comparable(perform(operation, oracle));
  // The oracle refuses this step, so the subject must not make it.
  if (progress.target.isAufs && isAllowedByAufsOnly(operation, expected)) {
    count(progress.met, 'operations that only aufs allows');
    return;
  }
  const got = comparable(perform(operation, subject));
  touchReaders(operation, pair);
  report(expected, got);
  const done = { ...pair, operation, expected, got };
  restoreSetIdBits(done, progress.met);
  restoreSetGid(done, progress.met);
  restoreRenameTimes(done, progress.met);
  restoreDataTimes(done, progress.met);
  restoreTruncationTimes(done, progress.met);
  restoreMappedTimes(done, progress.met);
  if (!answersAgree(done, progress.met)) throw new Difference(where, expected, got);
  checkBoth(operation, pair, where, comparable);
}

function checkBoth(
  operation: Operation,
  { oracle, subject }: Pair,
  where: string,
  comparable: Target['comparable'],
): void {
  const [expected, got] = [oracle, subject].map((side) => comparable(String(checkAfter(operation, side))));
  if (expected !== got) throw new Difference(`${where}, and what it left`, String(expected), String(got));
}

/** Reports to directory readers which names a step can have changed. */
function touchReaders({ call, arguments: args }: Operation, { oracle, subject }: Pair): void {
  const paths = [args.path, args.to].filter((path) => typeof path === 'string');
  const names = paths.map((path) => path.slice(path.lastIndexOf('/') + 1));
  for (const reader of [...oracle.directories.all(), ...subject.directories.all()]) {
    if (call === 'removeTree') reader.touchAll();
    reader.touch(names);
  }
}
