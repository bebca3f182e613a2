/** The words that a shell can complete. */
import type { Command, Option } from 'commander';
import type { OptionEntry } from '../../server/options/kinds/option-entry.js';
import { OPTION_ENTRIES } from '../../server/options/option-words.js';

/** The kind of value after an option or `word=`. */
export type Completes = readonly string[] | 'directory' | 'directories' | 'file' | 'options' | 'none' | 'nothing';

export interface CommandOption {
  /** `-t`, `--docker`. */
  readonly words: readonly string[];
  readonly help: string;
  /** `nothing`: the option takes no value. */
  readonly completes: Completes;
}

export interface CommandWord {
  readonly name: string;
  readonly help: string;
  readonly options: readonly CommandOption[];
  /** The kind of its arguments. */
  readonly arguments: Completes;
}

/** A word of `-o`. */
export interface MountOptionWord {
  readonly word: string;
  readonly help: string;
  readonly completes: Completes;
}

/** The commands that the help names. */
export function commandWords(program: Command): CommandWord[] {
  const commands = program.createHelp().visibleCommands(program);
  const names = commands.map((command) => command.name());
  return commands.map((command) => ({
    name: command.name(),
    help: command.description(),
    options: command
      .createHelp()
      .visibleOptions(command)
      .map((option) => commandOption(option)),
    arguments: argumentsOf(command, names),
  }));
}

function argumentsOf(command: Command, names: readonly string[]): Completes {
  if (command.name() === 'help') return names.filter((name) => name !== 'help');
  return command.registeredArguments.at(0)?.argChoices ?? (command.name() === 'run' ? 'none' : 'directory');
}

/** Values that are paths, by the names that the help has for them. */
const PATHS: ReadonlyMap<string, Completes> = new Map([
  ['<dir>', 'directory'],
  ['<layers>', 'directories'],
  ['<options>', 'options'],
]);

function commandOption({ short, long, flags, description, required, argChoices }: Option): CommandOption {
  const value = /<\w+>$/.exec(flags)?.[0] ?? '';
  return {
    words: [short, long].filter((word) => word !== undefined),
    help: description,
    completes: required ? (argChoices ?? PATHS.get(value) ?? 'none') : 'nothing',
  };
}

/** The words of `-o` that the help names, and their opposites. */
export function optionWordsOf(): MountOptionWord[] {
  const words = new Map<string, MountOptionWord>();
  for (const entry of OPTION_ENTRIES) {
    for (const word of wordsOfEntry(entry)) if (!words.has(word.word)) words.set(word.word, word);
  }
  return [...words.values()];
}

function wordsOfEntry(entry: OptionEntry): MountOptionWord[] {
  switch (entry.kind) {
    case 'value':
      return [{ word: entry.word, help: entry.help, completes: entry.takes.completes ?? 'none' }];
    case 'flag':
      return [entry.word, entry.opposite ?? '']
        .filter((word) => word !== '')
        .map((word) => ({ word, help: word === entry.word ? entry.help : `not ${entry.word}`, completes: 'nothing' }));
    case 'accepted': {
      const { words, help, takes } = entry;
      if (help === undefined) return [];
      const completes = typeof takes === 'object' ? (takes.completes ?? 'none') : 'nothing';
      return words.map((word) => ({ word, help, completes }));
    }
    case 'unsupported':
      return [];
  }
}
