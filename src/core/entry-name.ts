import type { EntryName } from './brand.js';

/** Bytes (as latin1) → what a person reads; bytes that are not UTF-8 show as U+FFFD. */
export function displayName(name: string): string {
  return Buffer.from(name, 'latin1').toString('utf8');
}

/** What a person or the command line wrote (UTF-16 of UTF-8) → byte-exact name. */
export function toBytesName(text: string): EntryName {
  return Buffer.from(text, 'utf8').toString('latin1') as EntryName;
}
