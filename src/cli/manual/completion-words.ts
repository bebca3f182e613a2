/** The words that a shell can complete. */
import type { Argument, Command, Option } from 'commander';
import type { OptionEntry } from '../../server/options/kinds/option-entry.js';
import { OPTION_ENTRIES, wordsOf } from '../../server/options/option-words.js';

/**
 * The kind of value after an option or `word=`: one of these words, a path, a list of paths or of options, a
 * command with its arguments, a value that no shell can complete (`none`), or no value (`nothing`).
 */
export type Completes =
  | readonly string[]
  | 'directory'
  | 'unescaped-directory'
  | 'directories'
  | 'file'
  | 'options'
  | 'command'
  | 'none'
  | 'nothing';

/** An option of a command. */
export interface CommandOption {
  /** `-t`, `--docker`. */
  readonly words: readonly string[];
  readonly help: string;
  /** `nothing`: the option takes no value. */
  readonly completes: Completes;
  /** A word that is no argument follows the value, as in `--docker DIR ID`. */
  readonly hasSecondValue: boolean;
}

/** A command with its options. */
export interface CommandWord {
  readonly name: string;
  readonly help: string;
  readonly options: readonly CommandOption[];
  /** The kind of its arguments. */
  readonly arguments: Completes;
}

/** A word of `-o`. */
export interface MountOptionWord {
  /** The forms before a value, as `br:`, `br=` and `dirs=`. The first one is offered. */
  readonly spellings: readonly [string, ...string[]];
  readonly help: string;
  readonly completes: Completes;
}

/** The words of a command line. */
export interface CompletionWords {
  /** The commands that the help names. */
  readonly commands: readonly CommandWord[];
  /** The command line without a command: the options of the program and of mount, and mount's arguments. */
  readonly plain: CommandWord;
  /** The words of `-o` that the help names, and their opposites. */
  readonly mountOptions: readonly MountOptionWord[];
}

/** The words of the command line that commander has in `program`, and those of the table of mount options. */
export function completionWords(program: Command): CompletionWords {
  const visible = program.createHelp().visibleCommands(program);
  const names = visible.map((command) => command.name());
  const commands = visible.map((command) => ({
    name: command.name(),
    help: command.description(),
    options: optionsOf(command),
    arguments: argumentsOf(command, names),
  }));
  return { commands, plain: plainForm(program, commands), mountOptions: mountOptionWords() };
}

function plainForm(program: Command, commands: readonly CommandWord[]): CommandWord {
  const mount = commands.find(({ name }) => name === 'mount');
  if (mount === undefined) throw new Error('no command mount');
  const own = optionsOf(program);
  const known = new Set(own.flatMap(({ words }) => words));
  return {
    ...mount,
    options: [...own, ...mount.options.filter(({ words }) => !words.some((word) => known.has(word)))],
  };
}

function optionsOf(command: Command): CommandOption[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .map((option) => commandOption(option, command));
}

function argumentsOf(command: Command, names: readonly string[]): Completes {
  if (command.name() === 'help') return names.filter((name) => name !== 'help');
  const argument = command.registeredArguments.at(0);
  return argument === undefined ? 'none' : (argument.argChoices ?? kindOfArgument(argument));
}

function kindOfArgument(argument: Argument): Completes {
  return argument.name() === 'command' ? 'command' : 'directory';
}

/** Values that are paths, by the names that the help has for them. */
const PATHS: ReadonlyMap<string, Completes> = new Map([
  ['<dir>', 'directory'],
  ['<layers>', 'directories'],
  ['<options>', 'options'],
]);

function commandOption(option: Option, command: Command): CommandOption {
  const { short, long, flags, description, required, argChoices } = option;
  const value = /<\w+>$/.exec(flags)?.[0] ?? '';
  return {
    words: [short, long].filter((word) => word !== undefined),
    help: description,
    completes: required ? (argChoices ?? PATHS.get(value) ?? 'none') : 'nothing',
    // The hidden option receives the second value.
    hasSecondValue: long === '--docker' && command.options.some((other) => other.long === '--layer'),
  };
}

function mountOptionWords(): MountOptionWord[] {
  const words = new Map<string, MountOptionWord>();
  for (const entry of OPTION_ENTRIES) {
    for (const word of wordsOfEntry(entry)) if (!words.has(word.spellings[0])) words.set(word.spellings[0], word);
  }
  return [...words.values()];
}

function wordsOfEntry(entry: OptionEntry): MountOptionWord[] {
  switch (entry.kind) {
    case 'value': {
      const { word, separator = '=', help, takes } = entry;
      const spellings = [`${word}${separator}`, ...wordsOf(entry).map((other) => `${other}=`)] as const;
      return [
        { spellings: [spellings[0], ...new Set(spellings.slice(1))], help, completes: takes.completes ?? 'none' },
      ];
    }
    case 'flag':
      return [entry.word, entry.opposite ?? '']
        .filter((word) => word !== '')
        .map((word) => ({
          spellings: [word],
          help: word === entry.word ? entry.help : `not ${entry.word}`,
          completes: 'nothing',
        }));
    case 'accepted': {
      const { words, help, takes } = entry;
      if (help === undefined) return [];
      if (typeof takes !== 'object') return words.map((word) => ({ spellings: [word], help, completes: 'nothing' }));
      return words.map((word) => ({ spellings: [`${word}=`], help, completes: takes.completes ?? 'none' }));
    }
    case 'unsupported':
      return [];
  }
}
