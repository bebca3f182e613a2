/**
 * Draws a chart of ratios as plain SVG. The axis is logarithmic: half and twice are equally far from 1. All
 * colours are halfway between black and white, so that the chart is readable on both.
 */
import { linesOf } from '../results.mjs';
import { times } from './format.mjs';

const SERIES = [
  { name: 'fuse-overlayfs', colour: '#2f81f7' },
  { name: 'kernel', colour: '#c9762b' },
];
const TEXT = '#7d8590';
const GRID = '#7d859055';
const FONT = 'font-family="system-ui, sans-serif" font-size="12"';
const WIDTH = 960;
const LABELS = 440;
const FIGURES = 90;
const ROW = 26;
const HEAD = 56;
const FOOT = 16;
const TICKS = [1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16];

/**
 * @param {import('../results.mjs').Results} results
 * @param {string[]} [chosen] names of works; undefined: all
 * @returns {string}
 */
export function chart(results, chosen) {
  const subject = results.contenders[0]?.name ?? '';
  const lines = linesOf(results)
    .filter(({ work }) => chosen?.includes(work.name) ?? true)
    .filter(({ metric }) => SERIES.some(({ name }) => metric.ratios[name]));
  const height = HEAD + lines.length * ROW + FOOT;
  const parts = [...axis(height), ...legend(subject), ...lines.flatMap((line, index) => row(line, HEAD + index * ROW))];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${subject}'s figures divided by those of others" ${FONT} fill="${TEXT}">`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

/**
 * The horizontal position of a ratio. A ratio outside the scale is at its end; its figure is beside it.
 */
function across(ratio) {
  const [least, most] = [Math.log2(TICKS[0]), Math.log2(TICKS[TICKS.length - 1])];
  const part = (Math.log2(ratio) - least) / (most - least);
  return round(LABELS + Math.min(1, Math.max(0, part)) * (WIDTH - LABELS - FIGURES - 12));
}

function axis(height) {
  return TICKS.flatMap((tick) => {
    const x = across(tick);
    const isOne = tick === 1;
    const label = tick < 1 ? `1/${1 / tick}` : String(tick);
    return [
      `<line x1="${x}" y1="${HEAD - 8}" x2="${x}" y2="${height - FOOT}" stroke="${isOne ? TEXT : GRID}" stroke-width="${isOne ? 1.5 : 1}"/>`,
      text(x, HEAD - 14, label, 'middle'),
    ];
  });
}

function legend(subject) {
  const y = 16;
  return [
    text(0, y, `${subject} takes so many times what the other takes; left of 1 is better`, 'start'),
    ...SERIES.flatMap(({ name, colour }, index) => {
      const x = LABELS + 140 + index * 140;
      return [`<circle cx="${x}" cy="${y - 4}" r="5" fill="${colour}"/>`, text(x + 10, y, name, 'start')];
    }),
  ];
}

function row({ title, metric }, top) {
  const middle = top + ROW / 2;
  const marks = SERIES.flatMap(({ name, colour }, index) => {
    const found = metric.ratios[name];
    if (!found) return [];
    const y = middle - 4 + index * 8;
    const x = WIDTH - FIGURES + index * (FIGURES / 2) + FIGURES / 2;
    return [
      `<rect x="${round(Math.min(across(1), across(found.ratio)))}" y="${y - 2.5}" width="${round(Math.abs(across(found.ratio) - across(1)))}" height="5" fill="${colour}" fill-opacity="0.45"/>`,
      `<line x1="${across(found.low)}" y1="${y}" x2="${across(found.high)}" y2="${y}" stroke="${colour}" stroke-width="1.5"/>`,
      `<circle cx="${across(found.ratio)}" cy="${y}" r="3.5" fill="${colour}"/>`,
      `<text x="${x}" y="${middle + 4}" text-anchor="end" fill="${colour}">${times(found.ratio)}</text>`,
    ];
  });
  return [text(LABELS - 12, middle + 4, title.replaceAll('`', ''), 'end'), ...marks];
}

function text(x, y, content, anchor) {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}">${escaped(content)}</text>`;
}

function escaped(content) {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function round(number) {
  return Math.round(number * 10) / 10;
}
