/** One script from the layers to the last look. */
import { makeScratch, removeScratch } from '../harness/scratch.js';
import type { Met } from './deviations.js';
import { changeBetween, fingerprint } from './fingerprint.js';
import { layersOf } from './layers.js';
import { compareTrees, Difference, lookAtBoth, type Progress, step, treeOf } from './lockstep.js';
import type { Operation } from './operation.js';
import { type Part, scriptOf } from './script.js';
import { lastStage, markReached } from './sequence.js';
import { Side } from './side.js';
import type { MountedPair, Stages, Target } from './target.js';

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
  const progress: Progress = { steps: 0, met: tally.met, isAufs: target.isAufs };
  let stage = 0;
  try {
    const stages = target.lay(base, layersOf(items));
    const before = stages.untouched.map(fingerprint);
    stage = 1;
    const left = await play(await stages.first(), first, 'first', progress, ({ oracle, subject }) => ({
      oracle: treeOf(oracle),
      subject: treeOf(subject),
    }));
    checkLeftovers(stages);
    if (lastStage(parts) > 1) {
      stage = 2;
      const leftLast = await play(
        await stages.second(),
        second,
        'second',
        progress,
        ({ subject }) => treeOf(subject),
        ({ oracle, subject }) => {
          // Nothing may look different to the one that shows it now, not even times that the clock set.
          const [byPlyfs, byOther] = target.changesHands ? [oracle, subject] : [subject, oracle];
          compareTrees('what plyfs left, shown anew', left.subject, treeOf(byPlyfs));
          compareTrees('what the other left, shown anew', left.oracle, treeOf(byOther));
        },
      );
      checkLeftovers(stages);
      const third = stages.third();
      try {
        compareTrees('what plyfs left at last, shown anew', leftLast, treeOf(third));
      } finally {
        third.end();
      }
    }
    checkUntouched(stages, before);
  } catch (error) {
    markReached(parts, { count: reachedPart(parts, progress.steps), stage });
    throw error;
  } finally {
    tally.runs++;
    tally.operations += progress.steps;
    removeScratch(base);
  }
}

/** Mounts are taken down whatever happens, and nothing of the script is open by then. */
async function play<T>(
  mounted: MountedPair,
  operations: readonly Operation[],
  phase: string,
  progress: Progress,
  atEnd: (pair: MountedPair) => T,
  atStart: (pair: MountedPair) => void = () => undefined,
): Promise<T> {
  const pair = { oracle: new Side(mounted.oracle.mountpoint), subject: new Side(mounted.subject.mountpoint) };
  let result: T;
  try {
    atStart(mounted);
    lookAtBoth(`before the ${phase} part`, pair);
    for (const operation of operations) step(operation, pair, progress);
    lookAtBoth(`after the ${phase} part`, pair);
    pair.oracle.closeAll();
    pair.subject.closeAll();
    result = atEnd(mounted);
  } catch (error) {
    pair.oracle.closeAll();
    pair.subject.closeAll();
    await mounted.end();
    throw error;
  }
  const said = await mounted.end();
  if (said !== null) throw new Difference(`the end of the ${phase} part`, 'an end without a word', said);
  return result;
}

function checkLeftovers(stages: Stages): void {
  const left = stages.leftBehind();
  if (left !== null) throw new Difference('after the unmount', 'nothing left behind', left);
}

function checkUntouched({ untouched }: Stages, before: readonly ReadonlyMap<string, string>[]): void {
  untouched.forEach((directory, i) => {
    const change = changeBetween(before[i] ?? new Map(), fingerprint(directory));
    if (change !== null) throw new Difference(`the lower layer ${directory}`, 'not a byte changed', change);
  });
}

/** The index behind the last part that was begun; the layers come first in a script. */
function reachedPart(parts: readonly Part[], steps: number): number {
  let left = steps;
  const end = parts.findIndex((part) => part.in !== 'layers' && left-- <= 0);
  return end < 0 ? parts.length : end;
}
