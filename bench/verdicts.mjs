/** Compares the targets with the results. */

import { amount, factor, percent } from './report/format.mjs';
import { findMetric } from './results.mjs';
import { ratioOf } from './statistics.mjs';

/**
 * @typedef {object} Verdict
 * @property {string} target
 * @property {string} work
 * @property {string} [metric]
 * @property {string} against The contender that it is compared with, or `itself`.
 * @property {string} measured
 * @property {string} limit
 * @property {boolean | undefined} isMet Undefined: not measured, or only reported.
 */

/**
 * @param {import('./results.mjs').Results} results
 * @param {import('./targets.mjs').Target[]} targets
 * @returns {Verdict[]}
 */
export function judge(results, targets) {
  const first = results.contenders[0]?.name;
  return targets.flatMap(({ title, subject = first, of, limits }) =>
    of.flatMap(({ work, metric }) => {
      const found = findMetric(results, work, metric);
      const common = { target: title, work, ...(metric ? { metric } : {}) };
      if (limits.length === 0) return [{ ...common, ...reported(found, subject) }];
      return limits.map((limit) => ({ ...common, ...compared(limit, found, { results, subject, work }) }));
    }),
  );
}

function reported(found, subject) {
  const summary = found?.contenders[subject];
  const measured = summary ? amount(summary.median, found.unit) : '–';
  return { against: subject, measured, limit: 'reported', isMet: undefined };
}

function compared(limit, found, given) {
  switch (limit.kind) {
    case 'ratio':
      return compareRatio(limit, found, given);
    case 'amount':
      return compareAmount(limit, found, given);
    case 'growth':
      return compareGrowth(limit, found, given);
    case 'given back':
      return compareGivenBack(limit, found, given);
    case 'like':
      return compareLike(limit, found, given);
    default:
      throw new Error(`a limit of kind ${limit.kind}`);
  }
}

function compareRatio({ against, atMost }, found, { subject }) {
  const [ours, theirs] = [found?.contenders[subject], found?.contenders[against]];
  const ratio = ours && theirs && ratioOf(ours.runs, theirs.runs);
  const common = { against, limit: `≤ ${Number(atMost.toFixed(2))}` };
  if (!ratio) return { ...common, ...NOT_MEASURED };
  return { ...common, measured: factor(ratio), isMet: ratio.ratio <= atMost };
}

function compareAmount({ atMost, unit }, found, { subject }) {
  const summary = found?.contenders[subject];
  const common = { against: 'itself', limit: `≤ ${amount(atMost, unit)}` };
  if (!summary) return { ...common, ...NOT_MEASURED };
  return { ...common, measured: amount(summary.median, found.unit), isMet: summary.median <= atMost };
}

function compareGrowth({ from, against }, found, { results, subject }) {
  const before = findMetric(results, from);
  const growth = (name) => {
    const [least, most] = [before?.contenders[name], found?.contenders[name]];
    return least && most ? most.median / least.median : undefined;
  };
  const [ours, theirs] = [growth(subject), growth(against)];
  const common = { against };
  if (ours === undefined || theirs === undefined) return { ...common, limit: 'grows less', ...NOT_MEASURED };
  return {
    ...common,
    limit: `grows less than ${theirs.toFixed(1)}-fold`,
    measured: `grows ${ours.toFixed(1)}-fold`,
    isMet: ours < theirs,
  };
}

function compareGivenBack({ base, peak, atLeast }, found, { results, subject, work }) {
  const of = (metric) => findMetric(results, work, metric)?.contenders[subject]?.median;
  const [least, most, now] = [of(base), of(peak), found?.contenders[subject]?.median];
  const common = { against: 'itself', limit: `≥ ${percent(atLeast)} given back` };
  if (least === undefined || most === undefined || now === undefined) return { ...common, ...NOT_MEASURED };
  // A figure that has not grown has lost everything.
  const part = most > least ? (most - now) / (most - least) : 1;
  return { ...common, measured: `${percent(part)} given back`, isMet: part >= atLeast };
}

function compareLike({ work, atMost }, found, { results, subject }) {
  const [ours, other] = [found, findMetric(results, work)].map((metric) => metric?.contenders[subject]);
  const ratio = ours && other && ratioOf(ours.runs, other.runs);
  const common = { against: work, limit: `≤ ${atMost}` };
  if (!ratio) return { ...common, ...NOT_MEASURED };
  return { ...common, measured: factor(ratio), isMet: ratio.ratio <= atMost };
}

const NOT_MEASURED = { measured: '–', isMet: undefined };
