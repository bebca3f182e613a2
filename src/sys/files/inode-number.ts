import { HIGH_WORD } from '../u64.js';

/** Numbers from here on are substitutes for inode numbers that a JavaScript number cannot hold exactly. */
const FIRST = 2 ** 52;
const FIRST_HIGH = 2 ** 20;

/** The substitutes, by the two halves of the inode number. */
const large = new Map<string, number>();

/**
 * Returns an inode number from its two halves. A large one (an overlay with `xino=on`, and some network file
 * systems, use the top bits) gets a substitute, which stays the same until the thread ends. If large numbers
 * were rounded, different files could have the same number, and programs would treat them as hard links.
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
