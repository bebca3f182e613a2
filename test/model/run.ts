/** One script from the layers to the last look. */
import { makeScratch, removeScratch } from '../harness/scratch.js';
import type { Met, Pair } from './deviations/met.js';
import { changeBetween, fingerprint } from './fingerprint.js';
import { layersOf } from './layers.js';
import { compareTrees, Difference, lookAtBoth, type Progress, step, treeOf, treeOfKernel } from './lockstep.js';
import { copyInUppers, upperBeside } from './offline.js';
import { COLD_START, formatOperation, type Operation } from './operation.js';
import { type Part, scriptOf } from './script.js';
import { lastStage, markReached } from './sequence.js';
import { Side } from './side.js';
import { lay, type MountedPair, type Stages, type Target } from './target.js';

/** What runs have done so far. */
export interface Tally {
  runs: number;
  operations: number;
  readonly met: Met;
}

export function newTally(): Tally {
  return { runs: 0, operations: 0, met: new Map() };
}

/** Throws a {@link Difference}, or whatever else went wrong. */
export async function runScript(parts: readonly Part[], target: Target, tally: Tally): Promise<void> {
  const { items, first, second } = scriptOf(parts);
  const base = makeScratch('model');
  const progress: Progress = { steps: 0, met: tally.met, target };
  let stage = 0;
  try {
    const taken = items.map((item) => target.takes(item)).filter((item) => item !== null);
    const stages = lay(base, layersOf(taken), target);
    const before = stages.untouched.map((directory) => fingerprint(directory, target.keepsAccessTimes));
    stage = 1;
    const left = await play(
      { mount: stages.first, stages, operations: first, phase: 'first', progress, target },
      ({ oracle, subject }) => ({ oracle: treeOfKernel(oracle), subject: treeOf(subject) }),
    );
    if (lastStage(parts) > 1) {
      stage = 2;
      const leftLast = await play(
        { mount: stages.second, stages, operations: second, phase: 'second', progress, target },
        ({ subject }) => treeOf(subject),
        ({ oracle, subject }) => {
          // Nothing may look different to the one that shows it now, not even times that the clock set.
          const [byKernel, byPlyfs] = [treeOfKernel(oracle), treeOf(subject)];
          const { changesHands } = target;
          compareTrees('what plyfs left, shown anew', left.subject, changesHands ? byKernel : byPlyfs, target);
          compareTrees('what the other left, shown anew', left.oracle, changesHands ? byPlyfs : byKernel, target);
        },
      );
      const third = stages.third();
      try {
        const shown = target.changesHands ? treeOfKernel(third) : treeOf(third);
        compareTrees('what plyfs left at last, shown anew', leftLast, shown, target);
      } finally {
        third.end();
      }
    }
    checkUntouched(stages, before, target);
  } catch (error) {
    markReached(parts, { count: reachedPart(parts, progress.steps), stage });
    throw error;
  } finally {
    tally.runs++;
    tally.operations += progress.steps;
    removeScratch(base);
  }
}

/** The steps that are taken between one change of hands and the next. */
interface Phase {
  readonly mount: () => Promise<MountedPair>;
  readonly stages: Stages;
  readonly operations: readonly Operation[];
  readonly phase: string;
  readonly progress: Progress;
  readonly target: Target;
}

/** Mounts are taken down whatever happens, and nothing of the script is open by then. */
async function play<T>(
  { mount, stages, operations, phase, progress, target }: Phase,
  atEnd: (pair: MountedPair) => T,
  atStart: (pair: MountedPair) => void = () => undefined,
): Promise<T> {
  let mounted = await mount();
  const pair = { oracle: new Side(mounted.oracle.mountpoint), subject: new Side(mounted.subject.mountpoint) };
  let result: T;
  try {
    atStart(mounted);
    lookAtBoth(`before the ${phase} part`, pair, target);
    for (const operation of operations) {
      if (operation.call !== COLD_START) step(operation, pair, progress);
      else {
        progress.steps++;
        const where = `step ${progress.steps}: ${formatOperation(operation)}`;
        closeAll(pair);
        const left = treeOf(mounted.subject);
        await end(mounted, stages, where);
        const edited = edit(operation, pair, target);
        mounted = await mount();
        if (!edited) compareTrees(where, left, treeOf(mounted.subject), target);
        lookAtBoth(where, pair, target);
      }
    }
    lookAtBoth(`after the ${phase} part`, pair, target);
    closeAll(pair);
    result = atEnd(mounted);
  } catch (error) {
    closeAll(pair);
    await mounted.end();
    throw error;
  }
  await end(mounted, stages, `the end of the ${phase} part`);
  return result;
}

/** Does in both uppers what a cold start says; returns whether anything. */
function edit({ arguments: { path, to } }: Operation, pair: Pair, { changesHands }: Target): boolean {
  if (typeof path !== 'string' || typeof to !== 'string') return false;
  return copyInUppers(
    [pair.oracle, pair.subject].map((side) => ({
      path: upperBeside(side.mountpoint),
      isKernels: changesHands || side === pair.oracle,
    })),
    path,
    to,
  );
}

function closeAll({ oracle, subject }: Pair): void {
  oracle.closeAll();
  subject.closeAll();
}

/** Unmounts both; throws when the server says anything or leaves something behind. */
async function end(mounted: MountedPair, stages: Stages, where: string): Promise<void> {
  const said = await mounted.end();
  if (said !== null) throw new Difference(where, 'an end without a word', said);
  const left = stages.leftBehind();
  if (left !== null) throw new Difference(`${where}, after the unmount`, 'nothing left behind', left);
}

function checkUntouched(
  { untouched }: Stages,
  before: readonly ReadonlyMap<string, string>[],
  { keepsAccessTimes }: Target,
): void {
  untouched.forEach((directory, i) => {
    const change = changeBetween(before[i] ?? new Map(), fingerprint(directory, keepsAccessTimes));
    if (change !== null) throw new Difference(`the lower layer ${directory}`, 'not a byte changed', change);
  });
}

/** The index behind the last part that was begun; the layers come first in a script. */
function reachedPart(parts: readonly Part[], steps: number): number {
  let left = steps;
  const end = parts.findIndex((part) => part.in !== 'layers' && left-- <= 0);
  return end < 0 ? parts.length : end;
}
