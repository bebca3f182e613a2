/** Looks for a script on which the two sides differ; makes it small, and a file of it, when there is one. */
import fc from 'fast-check';
import { writeReproduction } from './reproduction.js';
import { runScript, type Tally } from './run.js';
import { type Part, someParts } from './script.js';
import type { Target } from './target.js';

export interface Search {
  readonly target: Target;
  readonly seed: number;
  readonly runs: number;
  /** Steps before and after the mounts change hands. */
  readonly steps: readonly [number, number];
  /** Whether the kernel forgets now and then what it keeps of the mounts. */
  readonly isForgetful: boolean;
  /** How long to go on making a script smaller that has failed. */
  readonly shrinkSeconds: number;
}

const LAYER_ITEMS = 80;

/** What failed, for people, and the file to run; null: nothing did. */
export async function search(
  { target, seed, runs, steps: [first, second], isForgetful, shrinkSeconds }: Search,
  tally: Tally,
): Promise<string | null> {
  let deadline = Number.POSITIVE_INFINITY;
  const property = fc.asyncProperty(someParts({ items: LAYER_ITEMS, first, second }, isForgetful), async (parts) => {
    // A run takes its time and never waits: others have to get on.
    await new Promise((resolve) => setImmediate(resolve));
    // What was found by then is small enough: every smaller one passes.
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
