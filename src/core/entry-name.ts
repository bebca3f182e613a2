import type { EntryName } from './brand.js';

/**
 * Decodes a name or path of bytes (each char code is one byte) for messages. Bytes that are not UTF-8 become
 * U+FFFD.
 */
export function displayName(name: string): string {
  return Buffer.from(name, 'latin1').toString('utf8');
}

/** Encodes text of a user or the command line as a name of bytes. */
export function toBytesName(text: string): EntryName {
  return Buffer.from(text, 'utf8').toString('latin1') as EntryName;
}
