/** Statistics of single figures. A result is undefined if there are no figures. */

/** @param {readonly number[]} values @returns {number | undefined} */
export function median(values) {
  if (values.length === 0) return undefined;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * @typedef {object} Summary
 * @property {number} median
 * @property {number} low The least of the runs.
 * @property {number} high The greatest.
 * @property {number[]} runs In the order of the rounds.
 */

/** @param {readonly number[]} runs @returns {Summary | undefined} */
export function summarize(runs) {
  const middle = median(runs);
  if (middle === undefined) return undefined;
  return { median: middle, low: Math.min(...runs), high: Math.max(...runs), runs: [...runs] };
}

/**
 * @typedef {object} Ratio
 * @property {number} ratio The ratio of the medians.
 * @property {number} low The least ratio of two runs of the same round, which were measured shortly after
 * each other.
 * @property {number} high
 */

/** Divides the figures `runs` by the figures `others`. @returns {Ratio | undefined} */
export function ratioOf(runs, others) {
  const [ours, theirs] = [median(runs), median(others)];
  if (ours === undefined || theirs === undefined || theirs === 0) return undefined;
  const rounds = runs
    .slice(0, others.length)
    .map((value, round) => value / others[round])
    .filter(Number.isFinite);
  const ratio = ours / theirs;
  return { ratio, low: Math.min(ratio, ...rounds), high: Math.max(ratio, ...rounds) };
}
