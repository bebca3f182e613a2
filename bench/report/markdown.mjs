import { linesOf } from '../results.mjs';
import { amount, factor, spread, times } from './format.mjs';

/** The contenders that the tables compare plyfs with. */
const RIVALS = ['fuse-overlayfs', 'kernel'];

/**
 * Every figure: medians with their range, and the ratios.
 * @param {import('../results.mjs').Results} results
 */
export function fullTable(results) {
  const names = results.contenders.map(({ name }) => name);
  const [subject] = names;
  const rivals = RIVALS.filter((name) => names.includes(name));
  const rows = linesOf(results).map(({ work, metric, title }) => [
    title,
    ...names.map((name) => figureOf(work, metric, name)),
    ...rivals.map((name) => (metric.ratios[name] ? factor(metric.ratios[name]) : '–')),
  ]);
  return table(['work', ...names, ...rivals.map((name) => `${subject} / ${name}`)], rows);
}

function figureOf(work, metric, name) {
  if (metric.contenders[name]) return spread(metric.contenders[name], metric.unit);
  return work.failures[name] ? 'failed' : '–';
}

/** The reasons for missing figures. @param {import('../results.mjs').Results} results */
export function missingFigures(results) {
  const lines = new Map();
  for (const { name: work, failures, unfit } of results.works) {
    for (const [kind, reasons] of [
      ['fails', failures],
      ['not asked', unfit],
    ]) {
      for (const [name, reason] of Object.entries(reasons)) {
        const key = `${name}, ${kind}: ${reason.split('\n')[0].replaceAll('|', '\\|')}`;
        lines.set(key, [...(lines.get(key) ?? []), work]);
      }
    }
  }
  return [...lines].map(([reason, works]) => `- ${reason} (${works.join(', ')})`).join('\n');
}

/** The targets, met or not. @param {import('../verdicts.mjs').Verdict[]} verdicts */
export function targetTable(verdicts) {
  const rows = verdicts.map(({ target, work, metric, against, measured, limit, isMet }, index) => [
    verdicts[index - 1]?.target === target ? '' : target,
    metric ? `${work} ${metric}` : work,
    against,
    measured,
    limit,
    isMet === undefined ? '–' : isMet ? 'met' : '**not met**',
  ]);
  return table(['target', 'work', 'against', 'measured', 'limit', ''], rows);
}

/**
 * Medians and ratios of some of the work.
 * @param {import('../results.mjs').Results} results
 * @param {string[]} chosen names of works
 */
export function shortTable(results, chosen) {
  const [subject] = results.contenders.map(({ name }) => name);
  const shown = [subject, ...RIVALS];
  const rows = linesOf(results)
    .filter(({ work }) => chosen.includes(work.name))
    .map(({ metric, title }) => [
      title,
      ...shown.map((name) => {
        const summary = metric.contenders[name];
        return summary ? amount(summary.median, metric.unit) : '–';
      }),
      ...RIVALS.map((name) => (metric.ratios[name] ? times(metric.ratios[name].ratio) : '–')),
    ]);
  return table(['work', ...shown, ...RIVALS.map((name) => `${subject} / ${name}`)], rows);
}

/**
 * The date, the machine and the versions that the figures were measured with.
 * @param {import('../results.mjs').Results} results
 * @param {boolean} namesAside name the contenders that were measured less often
 */
export function machineText({ machine, settings, contenders }, namesAside = true) {
  const versions = contenders
    .filter(({ name }) => !['plain', 'kernel', 'plyfs-native'].includes(name))
    .map(({ name, version }) => `${name} ${numberOf(version)}`);
  return [
    `${machine.date.slice(0, 10)}, commit ${machine.commit}: ${machine.processors} × ${machine.processor},`,
    `${machine.memoryGiB} GiB, Linux ${machine.kernel}, ${fileSystemName(machine.fileSystem)}, Node ${machine.node};`,
    `${versions.join(', ')}; ${runsText(settings, namesAside ? contenders : [])}.`,
  ].join(' ');
}

/** The number in the line by which a program names itself and its version; without one, the line. */
function numberOf(version) {
  return /\d+(?:\.\d+)+\S*/.exec(version)?.[0] ?? version;
}

/** stat(1) has one name for the three file systems of this family, because their magic number is the same. */
function fileSystemName(name) {
  return name === 'ext2/ext3' ? 'ext2, ext3 or ext4' : name;
}

function runsText({ runs }, contenders) {
  const text = `${runs} ${runs === 1 ? 'run' : 'runs'} of each, in turn`;
  const aside = contenders.filter(({ isAside }) => isAside).map(({ name }) => name);
  return runs === 1 || aside.length === 0 ? text : `${text} (a third as many of ${aside.join(', ')})`;
}

/**
 * The time that any server adds to a request; empty if it was not measured.
 * @param {import('../results.mjs').Results} results
 */
export function roundTripText({ machine: { roundTrip: trip } }) {
  if (!trip?.working) return '';
  return [
    'A thread sends a message to a thread on another processor and sleeps until the answer. Here, without any file',
    'system, that takes',
    `${amount(trip.asleep / 1e6, 's')} if the other thread sleeps as well, ${amount(trip.awake / 1e6, 's')} if it does not,`,
    `${amount(trip.working / 1e6, 's')} if it works for 8 µs before it answers.`,
  ].join(' ');
}

/** @param {string[]} head @param {string[][]} rows */
function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}
