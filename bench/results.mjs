/** The results as a JSON file has them. The tables and charts are made from them. */
import { ratioOf, summarize } from './statistics.mjs';
import { SECONDS } from './works.mjs';

/**
 * @typedef {object} Results
 * @property {Record<string, unknown>} machine
 * @property {{runs: number, isQuick: boolean}} settings
 * @property {{name: string, version: string, isAside?: boolean}[]} contenders In the order of the tables; the
 * first is the subject of the ratios.
 * @property {WorkResult[]} works
 *
 * @typedef {object} WorkResult
 * @property {string} name
 * @property {string} title
 * @property {MetricResult[]} metrics
 * @property {Record<string, string>} failures The reason why a contender is left out, by contender.
 * @property {Record<string, string>} unfit The reason why a contender did not run, by contender.
 *
 * @typedef {import('./works.mjs').Metric & { contenders: Record<string, import('./statistics.mjs').Summary>,
 * ratios: Record<string, import('./statistics.mjs').Ratio>, }} MetricResult The ratios are the subject's
 * figures divided by those of each other contender.
 */

/**
 * @param {import('./measure.mjs').Measured} measured
 * @param {string} subject
 * @returns {WorkResult}
 */
export function workResult({ work, samples, failures, unfit }, subject) {
  return {
    name: work.name,
    title: work.title,
    metrics: (work.metrics ?? SECONDS).map((metric) => metricResult(metric, samples, subject)),
    failures: Object.fromEntries(failures),
    unfit: Object.fromEntries(unfit),
  };
}

function metricResult(metric, samples, subject) {
  const runs = new Map([...samples].map(([name, rounds]) => [name, rounds.map((round) => round[metric.name])]));
  const contenders = {};
  const ratios = {};
  for (const [name, values] of runs) {
    const summary = summarize(values);
    if (summary === undefined) continue;
    contenders[name] = summary;
    const ratio = name === subject || !metric.isCompared ? undefined : ratioOf(runs.get(subject) ?? [], values);
    if (ratio !== undefined) ratios[name] = ratio;
  }
  return { ...metric, contenders, ratios };
}

/**
 * @param {Results} results
 * @param {string} work
 * @param {string} [metric] undefined: the first
 * @returns {MetricResult | undefined}
 */
export function findMetric(results, work, metric) {
  const metrics = results.works.find(({ name }) => name === work)?.metrics;
  return metric === undefined ? metrics?.[0] : metrics?.find(({ name }) => name === metric);
}

/** All metrics with their work, one for each line of a table. @param {Results} results */
export function linesOf(results) {
  return results.works.flatMap((work) =>
    work.metrics.map((metric) => ({
      work,
      metric,
      title: metric.title ? `${work.title}: ${metric.title}` : work.title,
    })),
  );
}
