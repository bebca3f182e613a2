/**
 * Random scripts of operations by several actors, run on plyfs and on the file system that it is compared
 * with, over equal layers. Each step must have the same result and errno on both, and both must show the same
 * trees, also after each side has mounted the layers that the other has written. No byte of a lower layer may
 * change. A failing script is made as short as possible and written to a file that can be run.
 *
 * PLYFS_SEED=7 tries other scripts; `npm run soak` tries many of them.
 */
import { describe, expect, it } from 'vitest';
import { newTally } from './run.js';
import { search } from './search.js';
import { STEPS, TARGETS } from './sides/targets.js';

const seed = Number(process.env.PLYFS_SEED ?? 1);
const SHRINK_SECONDS = 240;

describe.each(TARGETS)('model: $target.name', ({ target, runs }) => {
  const unavailable = target.unavailable();
  const note = unavailable === null ? ` (${runs * (STEPS[0] + STEPS[1])} operations)` : `: ${unavailable}`;
  it.skipIf(unavailable !== null)(
    `gives equal results and trees, also after each side mounts the other's layers${note}`,
    { timeout: (SHRINK_SECONDS + 300) * 1000 },
    async () => {
      const tally = newTally();
      const failure = await search(
        { target, seed, runs, steps: STEPS, isForgetful: false, shrinkSeconds: SHRINK_SECONDS },
        tally,
      );
      if (failure !== null) expect.fail(failure);
      expect(tally.operations).toBe(runs * (STEPS[0] + STEPS[1]));
    },
  );
});
