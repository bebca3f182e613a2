/** Writes the figures into the documents: between markers, and into files that are generated whole. */
import { readFileSync, writeFileSync } from 'node:fs';
import { chart } from './chart.mjs';
import { wrapped } from './format.mjs';
import { fullTable, machineText, missingFigures, roundTripText, shortTable, targetTable } from './markdown.mjs';

/** Work that the README shows. */
const SHOWN = [
  'walk-cold',
  'walk-warm',
  'read-small-cold',
  'read-small-warm',
  'missing',
  'list-huge-cold',
  'read-lower-cold',
  'read-upper-warm',
  'read-readonly-warm',
  'write-big',
  'random-read',
  'random-write',
  'unpack',
  'remove',
  'chmod',
  'git-status-cold',
  'git-checkout',
  'build',
  'copy-up',
  'layers-128',
  'mount',
];

/**
 * @param {URL} root Of the repository, with a slash at the end.
 * @param {import('../results.mjs').Results} results
 * @param {import('../verdicts.mjs').Verdict[]} verdicts
 */
export function updateDocuments(root, results, verdicts) {
  const at = (path) => new URL(path, root);
  const machine = wrapped(machineText(results));
  const image = (path) => `![${results.contenders[0].name}'s figures divided by those of the others](${path})`;
  const figures = [
    machine,
    wrapped(roundTripText(results)),
    image('performance.svg'),
    fullTable(results),
    missingFigures(results),
  ];
  const all = figures.filter((part) => part !== '');
  rewrite(at('docs/performance.md'), 'figures', all.join('\n\n').trimEnd());
  rewrite(at('docs/performance.md'), 'targets', targetTable(verdicts));
  const short = [image('docs/performance-short.svg'), shortTable(results, SHOWN), wrapped(machineText(results, false))];
  rewrite(at('README.md'), 'figures', short.join('\n\n'));
  writeFileSync(at('docs/performance.json'), toJson(results, verdicts));
  writeFileSync(at('docs/performance.svg'), chart(results));
  writeFileSync(at('docs/performance-short.svg'), chart(results, SHOWN));
}

export function toJson(results, verdicts) {
  return `${JSON.stringify({ ...results, targets: verdicts }, null, 2)}\n`;
}

function rewrite(file, name, content) {
  writeFileSync(file, betweenMarkers(readFileSync(file, 'utf8'), name, content));
}

/** Replaces the text between the markers of `name`. */
export function betweenMarkers(text, name, content) {
  const [begin, end] = [`<!-- bench: ${name} -->`, `<!-- bench: end of ${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`no lines "${begin}" and "${end}" to write between`);
  return `${text.slice(0, from + begin.length)}\n${content}\n${text.slice(to)}`;
}
