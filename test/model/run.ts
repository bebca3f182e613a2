/** Runs one script, from making the layers to the last comparison. */
import { makeScratch, removeScratch } from '../harness/scratch.js';
import type { DeviationCounts, Pair } from './deviations/done-step.js';
import { compareTrees, Difference, lookAtBoth, type Progress, step, treeOf, treeOfKernel } from './lockstep.js';
import { layersOf } from './script/layers.js';
import { COLD_START, formatOperation, type Operation } from './script/operation.js';
import { type Part, scriptOf } from './script/script.js';
import { lastStage, markReached } from './script/sequence.js';
import { changeBetween, fingerprint } from './sides/fingerprint.js';
import { copyInUppers, upperBeside } from './sides/offline-changes.js';
import { Side } from './sides/side.js';
import { type MountedPair, makeStages, type Stages, type Target } from './sides/target.js';

/** The sum of all runs. */
export interface Tally {
  runs: number;
  operations: number;
  readonly met: DeviationCounts;
}

export function newTally(): Tally {
  return { runs: 0, operations: 0, met: new Map() };
}

/** Throws a {@link Difference} or another error. */
export async function runScript(parts: readonly Part[], target: Target, tally: Tally): Promise<void> {
  const { items, first, second } = scriptOf(parts);
  const base = makeScratch('model');
  const progress: Progress = { steps: 0, met: tally.met, target };
  let stage = 0;
  try {
    const taken = items.map((item) => target.adapt(item)).filter((item) => item !== null);
    const stages = makeStages(base, layersOf(taken), target);
    const before = stages.untouched.map((directory) => fingerprint(directory, target.keepsAccessTimes));
    stage = 1;
    const left = await runPhase(
      { mount: stages.first, stages, operations: first, phase: 'first', progress, target },
      ({ oracle, subject }) => ({ oracle: treeOfKernel(oracle), subject: treeOf(subject) }),
    );
    if (lastStage(parts) > 1) {
      stage = 2;
      const leftLast = await runPhase(
        { mount: stages.second, stages, operations: second, phase: 'second', progress, target },
        ({ subject }) => treeOf(subject),
        ({ oracle, subject }) => {
          // The program that shows the layer now must show no difference at all, also in times that the clock
          // has set.
          const [byKernel, byPlyfs] = [treeOfKernel(oracle), treeOf(subject)];
          const { swapsLayers } = target;
          compareTrees('what plyfs left, shown anew', left.subject, swapsLayers ? byKernel : byPlyfs, target);
          compareTrees('what the other left, shown anew', left.oracle, swapsLayers ? byPlyfs : byKernel, target);
        },
      );
      const third = stages.third();
      try {
        const shown = target.swapsLayers ? treeOfKernel(third) : treeOf(third);
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

/** The steps between one exchange of layers and the next. */
interface Phase {
  readonly mount: () => Promise<MountedPair>;
  readonly stages: Stages;
  readonly operations: readonly Operation[];
  readonly phase: string;
  readonly progress: Progress;
  readonly target: Target;
}

/**
 * Runs the steps of a phase. Unmounts both sides at the end, also after a failure; all files of the script
 * are closed by then.
 */
async function runPhase<T>(
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
        const edited = editUppers(operation, pair, target);
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

/** Makes the change of a cold start in both uppers, and returns whether there was one. */
function editUppers({ arguments: { path, to } }: Operation, pair: Pair, { swapsLayers }: Target): boolean {
  if (typeof path !== 'string' || typeof to !== 'string') return false;
  return copyInUppers(
    [pair.oracle, pair.subject].map((side) => ({
      path: upperBeside(side.mountpoint),
      isKernels: swapsLayers || side === pair.oracle,
    })),
    path,
    to,
  );
}

function closeAll({ oracle, subject }: Pair): void {
  oracle.closeAll();
  subject.closeAll();
}

/** Unmounts both. Throws if the server prints anything or leaves anything behind. */
async function end(mounted: MountedPair, stages: Stages, where: string): Promise<void> {
  const output = await mounted.end();
  if (output !== null) throw new Difference(where, 'an end without a word', output);
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

/** Returns the index after the last part that was begun. The layers are first in a script. */
function reachedPart(parts: readonly Part[], steps: number): number {
  let left = steps;
  const end = parts.findIndex((part) => part.in !== 'layers' && left-- <= 0);
  return end < 0 ? parts.length : end;
}
