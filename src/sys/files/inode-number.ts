import { HIGH_WORD } from '../u64.js';

/** From here on a number stands for an inode number that a JavaScript number may not hold exactly. */
const FIRST = 2 ** 52;
const FIRST_HIGH = 2 ** 20;

/** Numbers of 53 bits and more, by their two halves. */
const large = new Map<string, number>();

/**
 * An inode number from its two halves. Large ones (an overlay with `xino=on` has the layer in the top bits,
 * as have some network file systems) are each given a number of their own, for as long as the thread lives:
 * rounded, those of different files would be one, and programs would take the files for links of each other.
 */
export function inodeNumber(high: number, low: number): number {
  if (high < FIRST_HIGH) return high * HIGH_WORD + low;
  const key = `${high}:${low}`;
  let number = large.get(key);
  if (number === undefined) {
    number = FIRST + large.size;
    large.set(key, number);
  }
  return number;
}
