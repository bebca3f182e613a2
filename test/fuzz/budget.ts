/**
 * The duration of the fuzz tests: some thousand messages with a fixed seed, or the time given to
 * `npm run fuzz`.
 */
import fc from 'fast-check';

const SECONDS = Number(process.env.PLYFS_FUZZ_SECONDS ?? 0);
const SEED = Number(process.env.PLYFS_FUZZ_SEED ?? 1);

/** The time limit of one test, for vitest. */
export const TIMEOUT_MS = (SECONDS + 120) * 1000;

/**
 * Checks `property` with one seed after the other until the time is over. A failure shows its seed and the
 * message.
 */
export function fuzz<T>(what: string, runs: number, property: fc.IProperty<T>): void {
  const until = Date.now() + SECONDS * 1000;
  let checked = 0;
  let seed = SEED;
  try {
    do {
      fc.assert(property, { seed, numRuns: runs });
      checked += runs;
      seed++;
    } while (Date.now() < until);
  } finally {
    process.stdout.write(`fuzz, ${what}: ${checked} passed, seeds ${SEED} to ${seed - 1}\n`);
  }
}
