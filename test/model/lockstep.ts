/** A script on two trees, step by step. */
import { type Snapshot, snapshot } from '../harness/snapshot.js';
import { answersAgree } from './deviations/answers.js';
import {
  giveBackSetGid,
  giveBackSetIdBits,
  isLeftToAufs,
  partFromUnlinkedLowerFiles,
  takeBackDataTimes,
  takeBackMappedTimes,
  takeBackTimes,
  takeBackTruncationTimes,
  writeBackMappings,
} from './deviations/effects.js';
import { count, type Met, type Pair } from './deviations/met.js';
import { COLD_START, checkAfter, formatOperation, LOOK, type Operation, perform } from './operation.js';
import type { Target } from './target.js';
import { CLOCK } from './values.js';

/** What the two sides did not agree on. */
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
 * As {@link treeOf}, by the kernel's overlayfs: two copies that claim to be of one lower file show its number
 * both (fs/overlayfs/inode.c:ovl_map_dev_ino). They are two files, each with one link.
 */
export function treeOfKernel(mounted: { readonly mountpoint: string }): Snapshot {
  return Object.fromEntries(
    Object.entries(treeOf(mounted)).map(([path, facts]) => [
      path,
      / nlink=1 /.test(facts) ? facts.replace(/ same as .*$/, '') : facts,
    ]),
  );
}

/** Times that the clock set differ by nature. */
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

/** Throws what differs first. */
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
  const tell = (tree: Snapshot): string => `${JSON.stringify(first)} ${tree[first] ?? 'is not there'}`;
  const others = wrong.length === 1 ? '' : ` (and ${wrong.length - 1} more: ${JSON.stringify(wrong.slice(1, 6))})`;
  throw new Difference(`${where}: the trees differ${others}`, tell(expected), tell(got));
}

export function lookAtBoth(where: string, { oracle, subject }: Pair, target: Pick<Target, 'comparable'>): void {
  const [theirs, ours] = [treeOfKernel(oracle), treeOf(subject)].map(withoutClock) as [Snapshot, Snapshot];
  compareTrees(where, withNumbersOfSymlinks(theirs, ours), ours, target);
}

/**
 * Until the kernel forgets the one that was there before, names of a symlink that link(2) has copied up show
 * two numbers under `userxattr`: it can keep no origin (fs/overlayfs/inode.c:ovl_get_inode). It is one file,
 * with one number.
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

/** What happened so far; `next` is what was begun last. */
export interface Progress {
  steps: number;
  readonly met: Met;
  readonly target: Pick<Target, 'isAufs' | 'omits' | 'comparable'>;
}

/** @param told is given both answers, alike or not */
export function step(
  operation: Operation,
  pair: Pair,
  progress: Progress,
  told: (expected: string, got: string) => void = () => undefined,
): void {
  const { oracle, subject } = pair;
  progress.steps++;
  const where = `step ${progress.steps}: ${formatOperation(operation)}`;
  if (operation.call === LOOK) {
    lookAtBoth(where, pair, progress.target);
    return;
  }
  if (operation.call === COLD_START) {
    throw new Error(`${where}: mounts are not ours to take down here`);
  }
  if (progress.target.omits(operation)) return;
  const parted = partFromUnlinkedLowerFiles(pair, progress.met);
  if (parted !== null) throw new Difference(where, 'the same content', parted);
  writeBackMappings(operation, pair);
  const { comparable } = progress.target;
  const expected = comparable(perform(operation, oracle));
  // What the subject does could not be done on the other side.
  if (progress.target.isAufs && isLeftToAufs(operation, expected)) {
    count(progress.met, 'what only aufs does');
    return;
  }
  const got = comparable(perform(operation, subject));
  touchReaders(operation, pair);
  told(expected, got);
  const done = { ...pair, operation, expected, got };
  giveBackSetIdBits(done, progress.met);
  giveBackSetGid(done, progress.met);
  takeBackTimes(done, progress.met);
  takeBackDataTimes(done, progress.met);
  takeBackTruncationTimes(done, progress.met);
  takeBackMappedTimes(done, progress.met);
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

/** Tells open directories which names a step may have changed. */
function touchReaders({ call, arguments: args }: Operation, { oracle, subject }: Pair): void {
  const paths = [args.path, args.to].filter((path) => typeof path === 'string');
  const names = paths.map((path) => path.slice(path.lastIndexOf('/') + 1));
  for (const reader of [...oracle.directories.all(), ...subject.directories.all()]) {
    if (call === 'removeTree') reader.touchAll();
    reader.touch(names);
  }
}
