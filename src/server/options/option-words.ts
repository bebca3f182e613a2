/** Finds the entry of each word that can follow `-o`. */
import type { Dialect, OptionEntry } from './kinds/option-entry.js';
import { ALL_OPTIONS } from './table/all-options.js';

/** The meaning of a word after `-o`. */
export interface OptionWord {
  readonly entry: OptionEntry;
  /** The word is the opposite of a flag. */
  readonly isOpposite: boolean;
}

/**
 * All entries, in the type that they have in common. The tables themselves check each entry's own property.
 */
export const OPTION_ENTRIES: readonly OptionEntry[] = ALL_OPTIONS;

/**
 * The words that a mount of this dialect knows. The aufs dialect has words of its own, and gives some words
 * another meaning. Both dialects know those of the overlay dialect: `resolveMount` refuses them in the aufs
 * dialect.
 */
export function optionWords(dialect: Dialect): ReadonlyMap<string, OptionWord> {
  const words = new Map<string, OptionWord>();
  for (const entry of OPTION_ENTRIES) if (entry.dialect !== 'aufs') addWords(words, entry);
  if (dialect !== 'aufs') return words;
  // These come last, because they replace the same words of other entries.
  for (const entry of OPTION_ENTRIES) if (entry.dialect === 'aufs') addWords(words, entry);
  return words;
}

/** Adds the words of an entry. A word that is there already is replaced. */
function addWords(words: Map<string, OptionWord>, entry: OptionEntry): void {
  for (const word of wordsOf(entry)) words.set(word, { entry, isOpposite: false });
  if (entry.kind === 'flag' && entry.opposite !== undefined) words.set(entry.opposite, { entry, isOpposite: true });
}

/** The words of an entry, without the word of the opposite. */
export function wordsOf(entry: OptionEntry): readonly string[] {
  switch (entry.kind) {
    case 'accepted':
    case 'unsupported':
      return entry.words;
    case 'value':
      return [entry.word, ...(entry.aliases ?? [])];
    case 'flag':
      return [entry.word];
  }
}
