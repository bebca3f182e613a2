/**
 * Between names as bytes and fuse-native's strings, which it makes by decoding UTF-8. A byte that is not
 * UTF-8 arrives as U+FFFD and cannot be told from any other such byte, so that a string with U+FFFD in it
 * names nothing.
 */
import { Errno, fsError } from '../../../core/errno.js';

const REPLACEMENT = '\uFFFD';

/** Names of ASCII alone, which are nearly all, are the same in both forms. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the range is what ASCII is
const ASCII = /^[\x00-\x7f]*$/;

/** Throws EILSEQ for what was not UTF-8. */
export function toBytes(text: string): string {
  if (ASCII.test(text)) return text;
  if (text.includes(REPLACEMENT)) throw fsError(Errno.EILSEQ, 'name');
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** For a listing: a name that is not UTF-8 is shown with U+FFFD, and cannot be used. */
export function toText(bytes: string): string {
  return ASCII.test(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8');
}

/** For what must be exact. Throws EILSEQ for bytes that are not UTF-8. */
export function toExactText(bytes: string): string {
  const text = toText(bytes);
  if (text.includes(REPLACEMENT)) throw fsError(Errno.EILSEQ, 'name');
  return text;
}
