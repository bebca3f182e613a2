/** Figures and text as people read them. */

/** The width of text in Markdown. */
const COLUMNS = 110;

/** A number with at least two significant digits. @param {number} value */
export function digits(value) {
  const size = Math.abs(value);
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return value.toFixed(1);
  if (size >= 1) return value.toFixed(2);
  if (size >= 0.01 || size === 0) return value.toFixed(3);
  return value.toPrecision(2);
}

/** @param {number} value @param {string} unit the unit of the metric */
export function amount(value, unit) {
  const [scale, shown] = scaleOf(value, unit);
  return `${digits(value * scale)} ${shown}`;
}

/**
 * A median with its range, if there is one.
 * @param {import('../statistics.mjs').Summary} summary
 * @param {string} unit
 */
export function spread({ median, low, high }, unit) {
  if (low === high) return amount(median, unit);
  const [scale] = scaleOf(median, unit);
  return `${amount(median, unit)} (${digits(low * scale)} to ${digits(high * scale)})`;
}

/** The factor for a figure, and the unit that the product has. */
function scaleOf(value, unit) {
  if (unit !== 's' || Math.abs(value) >= 0.1) return [1, unit];
  return Math.abs(value) >= 0.001 ? [1000, 'ms'] : [1e6, 'µs'];
}

/** @param {import('../statistics.mjs').Ratio} ratio */
export function factor({ ratio, low, high }) {
  if (low === high) return times(ratio);
  return `${times(ratio)} (${times(low)} to ${times(high)})`;
}

/** @param {number} ratio */
export function times(ratio) {
  if (ratio >= 10) return ratio.toFixed(1);
  return ratio >= 0.1 ? ratio.toFixed(2) : ratio.toPrecision(2);
}

/** @param {number} part */
export function percent(part) {
  return `${Math.round(part * 100)} %`;
}

/** Breaks a paragraph of Markdown into lines of at most 110 columns. @param {string} text */
export function wrapped(text) {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line !== '' && line.length + 1 + word.length > COLUMNS) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.join('\n');
}
