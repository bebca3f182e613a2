/** Options that several commands have. */
import { Option } from 'commander';
import { optionWords } from '../../server/options/option-words.js';

/** `-o`, whose values are collected. It has no default, so that the help shows none. */
export function mountOptions(): Option {
  return new Option('-o <options>', 'mount options, separated by commas; may be repeated').argParser<string[]>(
    (text, all) => [...(all ?? []), text],
  );
}

/**
 * An option of the command line that means the same as `-o WORD=`. Its help and its choices are those of the
 * table of mount options.
 * @param flags the option as commander declares it: `--transport <name>`
 */
export function optionForWord(word: string, flags: string): Option {
  const entry = optionWords('overlay').get(word)?.entry;
  if (entry?.kind !== 'value' || !Array.isArray(entry.takes.completes)) throw new Error(`${word}: not a choice`);
  return new Option(flags, `${entry.help}; the same as -o ${word}=`).choices(entry.takes.completes);
}
