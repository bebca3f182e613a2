/**
 * The model test with a kernel that forgets: between the steps, the kernel drops names and inodes of the
 * mounts, pages, or both, and sometimes both sides are mounted again. The kernel then requests names and
 * attributes again, also of open files with other names than before. Attributes are also read one by one,
 * because stat(2) requests all, which refreshes those that are out of date.
 *
 * PLYFS_SEED=7 tries other scripts; `npm run soak -- --memory` tries many of them.
 */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { CHECKOUT } from '../harness/checkout.js';
import { mountsUnavailable } from '../harness/mounts.js';
import { newTally } from './run.js';
import { search } from './search.js';
import type { Target } from './sides/target.js';
import { FORGETFUL_ROOTLESS_TARGETS, FORGETFUL_TARGETS } from './sides/targets.js';

const seed = Number(process.env.PLYFS_SEED ?? 1);
const STEPS = [240, 120] as const;
const SHRINK_SECONDS = 120;
const TIMEOUT = { timeout: (SHRINK_SECONDS + 200) * 1000 };
const unavailable = mountsUnavailable();
const isInside = process.env.PLYFS_IN_NAMESPACE === '1';

async function tryOne(target: Target): Promise<void> {
  const tally = newTally();
  const how = { seed, runs: 1, steps: STEPS, isForgetful: true, shrinkSeconds: SHRINK_SECONDS };
  const failure = await search({ target, ...how }, tally);
  if (failure !== null) expect.fail(failure);
  expect(tally.operations).toBe(STEPS[0] + STEPS[1]);
}

describe.each(isInside ? FORGETFUL_ROOTLESS_TARGETS : FORGETFUL_TARGETS)(
  'model with a kernel that forgets: $name',
  (target) => {
    const missing = target.unavailable();
    it.skipIf(missing !== null)(
      `gives equal results and trees (${STEPS[0] + STEPS[1]} operations) ${missing ?? ''}`,
      TIMEOUT,
      () => tryOne(target),
    );
  },
);

describe.skipIf(isInside || unavailable !== null)(
  `a kernel that forgets, in a user namespace ${unavailable ?? ''}`,
  () => {
    it('gives equal results and trees without root', TIMEOUT, () => {
      const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'long', 'test/model/forgetful.test.ts'];
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        ['scripts/in-namespace.mjs', process.execPath, ...vitest],
        { cwd: CHECKOUT, encoding: 'utf8' },
      );
      expect({ status, said: status === 0 ? '' : stdout + stderr }).toEqual({ status: 0, said: '' });
    });
  },
);
