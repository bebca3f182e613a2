/** Runs steps from a file on two mounted trees, for a reproduction or for experiments. */
import type { Pair } from './deviations/done-step.js';
import { compareTrees, Difference, step, treeOf, treeOfKernel, withoutClock } from './lockstep.js';
import { parseOperation } from './script/operation.js';
import { Side } from './sides/side.js';
import type { Target } from './sides/target.js';

/** Prints each step with both results. Returns whether all were equal. */
export function playSteps(
  text: string,
  [oracle, subject]: readonly [string, string],
  how: Pick<Target, 'isAufs' | 'comparable'>,
  print: (line: string) => void,
): boolean {
  const pair: Pair = { oracle: new Side(oracle), subject: new Side(subject) };
  const progress = { steps: 0, met: new Map<string, number>(), target: { ...how, omits: () => false } };
  let agreed = true;
  try {
    for (const line of text.split('\n').filter((one) => one.trim() !== '' && !one.startsWith('#'))) {
      const problem = differenceIn(() =>
        step(parseOperation(line), pair, progress, (expected, got) =>
          print(`${line}\n    ${expected}${expected === got ? '' : `   plyfs: ${got}`}`),
        ),
      );
      if (problem === null) continue;
      agreed = false;
      print(`  DIFFERENT ${problem}`);
    }
    const problem = differenceIn(() =>
      compareTrees(
        'at the end',
        withoutClock(treeOfKernel({ mountpoint: oracle })),
        withoutClock(treeOf({ mountpoint: subject })),
        how,
      ),
    );
    if (problem !== null) print(`  DIFFERENT ${problem}`);
    for (const [name, times] of progress.met) print(`(allowed ${times} times: ${name})`);
    return agreed && problem === null;
  } finally {
    pair.oracle.closeAll();
    pair.subject.closeAll();
  }
}

function differenceIn(body: () => void): string | null {
  try {
    body();
    return null;
  } catch (error) {
    if (error instanceof Difference) return error.message;
    throw error;
  }
}
