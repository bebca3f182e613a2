/** Searches a script on which the two sides differ, makes it short, and writes it to a file. */
import fc from 'fast-check';
import { runScript, type Tally } from './run.js';
import { writeReproduction } from './script/reproduction.js';
import { type Part, someParts } from './script/script.js';
import type { Target } from './sides/target.js';

export interface Search {
  readonly target: Target;
  readonly seed: number;
  readonly runs: number;
  /** The number of steps before and after the sides exchange their layers. */
  readonly steps: readonly [number, number];
  /** True: the kernel sometimes forgets its caches of the mounts. */
  readonly isForgetful: boolean;
  /** The time for making a failed script shorter. */
  readonly shrinkSeconds: number;
}

const LAYER_ITEMS = 80;

/** Returns a description of the failure and the file to run, or null. */
export async function search(
  { target, seed, runs, steps: [first, second], isForgetful, shrinkSeconds }: Search,
  tally: Tally,
): Promise<string | null> {
  let deadline = Number.POSITIVE_INFINITY;
  const property = fc.asyncProperty(someParts({ items: LAYER_ITEMS, first, second }, isForgetful), async (parts) => {
    // A run is long and synchronous, so let other work of the process run first.
    await new Promise((resolve) => setImmediate(resolve));
    // The time is over: let every shorter script pass, so that the shrinking ends.
    if (Date.now() > deadline) return;
    try {
      await runScript(parts, target, tally);
    } catch (error) {
      deadline = Math.min(deadline, Date.now() + shrinkSeconds * 1000);
      throw error;
    }
  });
  const result = await fc.check(property, { seed, numRuns: runs });
  if (!result.failed || result.counterexample === null) return null;
  const [parts] = result.counterexample;
  const what = result.errorInstance instanceof Error ? result.errorInstance.message : String(result.errorInstance);
  return report(parts, what, { target, seed, run: result.numRuns, shrinks: result.numShrinks });
}

function report(
  parts: readonly Part[],
  what: string,
  { target, seed, run, shrinks }: { target: Target; seed: number; run: number; shrinks: number },
): string {
  const found = `${target.name}, seed ${seed}, run ${run}, made smaller ${shrinks} times to ${parts.length} parts:\n${what}`;
  const file = writeReproduction(parts, target, `Found by plyfs's model test: ${found}`);
  return `${found}\nTo see it again, as root: bash ${file}`;
}
