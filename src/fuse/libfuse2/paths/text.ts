/**
 * Converts between names as bytes and the strings of fuse-native. The package decodes names as UTF-8. It
 * replaces each byte that is not UTF-8 by U+FFFD, so a string with U+FFFD could be several names, and is
 * refused.
 */
import { Errno, fsError } from '../../../core/errno.js';

const REPLACEMENT = '\uFFFD';

/** Nearly all names are ASCII, and those are the same in both forms. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the range is all of ASCII
const ASCII = /^[\x00-\x7f]*$/;

/** Throws EILSEQ if the name was not UTF-8. */
export function toBytes(text: string): string {
  if (ASCII.test(text)) return text;
  if (text.includes(REPLACEMENT)) throw fsError(Errno.EILSEQ, 'name');
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** For a listing: shows a name that is not UTF-8 with U+FFFD. No request can use such a name. */
export function toText(bytes: string): string {
  return ASCII.test(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8');
}

/** For text that must be exact. Throws EILSEQ if the bytes are not UTF-8. */
export function toExactText(bytes: string): string {
  const text = toText(bytes);
  if (text.includes(REPLACEMENT)) throw fsError(Errno.EILSEQ, 'name');
  return text;
}
