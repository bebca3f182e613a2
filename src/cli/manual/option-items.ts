/** The options of `-o` as items of a help text or a man page. */
import type { Dialect, OptionEntry } from '../../server/options/kinds/option-entry.js';
import { OPTION_ENTRIES } from '../../server/options/option-words.js';

/** The options that only `dialect` has, or (`undefined`) those of all mounts and of the overlay dialect. */
export function optionItems(dialect: 'aufs' | undefined): (readonly [spelling: string, help: string])[] {
  return OPTION_ENTRIES.filter((entry) => ownDialect(entry) === dialect).flatMap((entry) =>
    'help' in entry && entry.help !== undefined ? [[spellingOf(entry), entry.help] as const] : [],
  );
}

/** The words of `dialect` that have no effect and no item. `undefined`: those of both dialects. */
export function wordsWithoutEffect(dialect: 'aufs' | undefined): string[] {
  return OPTION_ENTRIES.flatMap((entry) => {
    const isSilent = entry.kind === 'accepted' && entry.help === undefined && entry.takes === undefined;
    return isSilent && ownDialect(entry) === dialect ? entry.words : [];
  });
}

function ownDialect({ dialect }: OptionEntry): Dialect | undefined {
  return dialect === 'aufs' ? dialect : undefined;
}

function spellingOf(entry: OptionEntry): string {
  switch (entry.kind) {
    case 'value':
      return `${entry.word}${entry.separator ?? '='}${entry.takes.placeholder}`;
    case 'flag':
      return entry.opposite === undefined ? entry.word : `${entry.word}, ${entry.opposite}`;
    case 'accepted':
      return typeof entry.takes === 'object'
        ? `${entry.words.join(', ')}=${entry.takes.placeholder}`
        : entry.words.join(', ');
    case 'unsupported':
      return entry.words.join(', ');
  }
}
