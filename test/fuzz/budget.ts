/**
 * How long the fuzz tests run: some thousand messages of a fixed seed, or for as long as `npm run fuzz` says.
 */
import fc from 'fast-check';

const SECONDS = Number(process.env.PLYFS_FUZZ_SECONDS ?? 0);
const SEED = Number(process.env.PLYFS_FUZZ_SEED ?? 1);

/** Time that one test may take, for vitest. */
export const TIMEOUT_MS = (SECONDS + 120) * 1000;

/**
 * Checks `property` with one seed after the other until the time is over. A failure says which seed it was,
 * and the shrunken message.
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
