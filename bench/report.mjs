import { median } from './measure.mjs';

/**
 * @typedef {object} Result
 * @property {import('./works.mjs').Work} work
 * @property {Map<string, number[]>} times Seconds of each run, by contender.
 * @property {Map<string, string>} failures By contender.
 */

/** One line of a table: medians with the range of the runs, then how often longer the subject took than each other. */
export function tableLine({ work, times, failures }, names) {
  const [subject, ...others] = names;
  const cells = names.map((name) => (failures.has(name) ? 'failed' : summary(times.get(name))));
  const ratios = others.map((name) => ratio(times.get(subject), times.get(name)));
  return line(work.title, cells, ratios);
}

export function tableHead(names) {
  const [subject, ...others] = names;
  return line(
    'seconds: median (min to max)',
    names,
    others.map((name) => `${subject}/${name}`),
  );
}

/** The results with the facts of the machine, for a file. */
export function toJson(results, machine) {
  const works = results.map(({ work, times, failures }) => ({
    name: work.name,
    title: work.title,
    contenders: Object.fromEntries(
      [...times].map(([name, runs]) => [name, { median: runs.length > 0 ? median(runs) : null, runs }]),
    ),
    failures: Object.fromEntries(failures),
  }));
  return JSON.stringify({ machine, works }, null, 2);
}

function line(title, cells, ratios) {
  const columns = [...cells.map((text) => text.padStart(24)), ...ratios.map((text) => text.padStart(23))];
  return `${title.padEnd(44)}${columns.join('')}`;
}

function summary(runs) {
  if (!runs || runs.length === 0) return '-';
  return `${digits(median(runs))} (${digits(Math.min(...runs))} to ${digits(Math.max(...runs))})`;
}

function ratio(runs, otherRuns) {
  if (!runs?.length || !otherRuns?.length) return '-';
  return (median(runs) / median(otherRuns)).toFixed(2);
}

function digits(seconds) {
  return seconds < 1 ? seconds.toFixed(3) : seconds.toFixed(2);
}
