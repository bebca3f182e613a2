import { linesOf } from '../results.mjs';
import { factor, spread } from './format.mjs';

/**
 * One piece of work, with a line for each contender.
 * @param {import('../results.mjs').WorkResult} work
 * @param {string} subject
 */
export function workText(work, subject) {
  return linesOf({ works: [work] })
    .map(({ title, metric }) => [`${work.name}: ${title}`, ...contenderLines(metric, subject)].join('\n'))
    .concat(reasons('failed', work.failures), reasons('not asked', work.unfit))
    .join('\n');
}

function contenderLines({ contenders, ratios, unit }, subject) {
  return Object.entries(contenders).map(([name, summary]) => {
    const ratio = ratios[name] ? `${subject} takes ${factor(ratios[name])} times as much` : '';
    return `  ${name.padEnd(16)}${spread(summary, unit).padEnd(38)}${ratio}`.trimEnd();
  });
}

function reasons(what, byName) {
  return Object.entries(byName).map(([name, reason]) => `  ${name.padEnd(16)}${what}: ${reason}`);
}

/** @param {import('../verdicts.mjs').Verdict[]} verdicts */
export function verdictsText(verdicts) {
  const measured = verdicts.filter(({ isMet }) => isMet !== undefined);
  const lines = measured.map(({ target, work, metric, against, measured: figure, limit, isMet }) => {
    const name = metric ? `${work} ${metric}` : work;
    return `  ${isMet ? 'met    ' : 'NOT MET'}  ${name.padEnd(24)}${against.padEnd(18)}${figure.padEnd(28)}${limit.padEnd(12)}  ${target}`;
  });
  const met = measured.filter(({ isMet }) => isMet).length;
  return [...lines, `targets: ${met} of ${measured.length} measured ones are met`].join('\n');
}
