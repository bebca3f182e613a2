/**
 * Random scripts of operations by several actors on plyfs and on what it is compared with, over equal layers:
 * the same results and errnos at each step, the same trees, which the other one shows too when the mounts
 * change hands; and no lower layer changed by a byte. A failure is made small and written to a file that can
 * be run.
 *
 * PLYFS_SEED=7 tries other scripts; `npm run soak` many of them.
 */
import { describe, expect, it } from 'vitest';
import { newTally } from './run.js';
import { search } from './search.js';
import { STEPS, TARGETS } from './targets.js';

const seed = Number(process.env.PLYFS_SEED ?? 1);
const SHRINK_SECONDS = 240;

describe.each(TARGETS)('model: $target.name', ({ target, runs }) => {
  const unavailable = target.unavailable();
  it.skipIf(unavailable !== null)(
    `${runs * (STEPS[0] + STEPS[1])} operations${unavailable === null ? '' : `: ${unavailable}`}`,
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
