/** Words of the command line that should be commands, and are not. */
import { existsSync } from 'node:fs';
import { printable } from '../../server/config/mount-error.js';

/** The commands that a user can misspell. */
const COMMANDS = ['mount', 'umount', 'convert', 'run', 'serve', 'completion', 'help'];

/**
 * First arguments of the command lines of plyfs. A command line with any other first argument is one of
 * fuse-overlayfs.
 */
const FIRST_WORDS = new Set([...COMMANDS, 'run-inside', 'serve-inside', '--help', '-h', '--version', '-V']);

/** Whether a command line of plyfs itself can begin with `word`. */
function isOwnFirstWord(word: string): boolean {
  return FIRST_WORDS.has(word);
}

/** Commands without an option `-o`. */
const WITHOUT_OPTIONS = new Set(['completion', 'serve']);

/**
 * Whether `args` begin with a command. The word `completion` or `serve` with `-o` is the source or the
 * mountpoint in the command line of fuse-overlayfs: these commands have no such option.
 */
export function beginsWithCommand(args: readonly string[]): boolean {
  const [first = ''] = args;
  return isOwnFirstWord(first) && !(WITHOUT_OPTIONS.has(first) && hasMountOptions(args));
}

/** Whether `args` contain `-o`, `-oOPTIONS`, or `-o` after other letters as in `-fo`. */
export function hasMountOptions(args: readonly string[]): boolean {
  return args.some((argument) => /^-[a-z]*o/.test(argument));
}

/**
 * The reason why `args` (bytes) name no command, as one line. Null if they name one, or if they are a command
 * line of fuse-overlayfs. Such a line needs `-o`. So if there is no `-o`, a word that resembles a command is
 * a misspelt command.
 */
export function describeUnknownCommand(args: readonly string[]): string | null {
  const [first = '', second = ''] = args;
  if (first === 'help') return second === '' || isOwnFirstWord(second) ? null : unknown(second, 'not a plyfs command');
  if (isOwnFirstWord(first) || !/^[^-/][^/]*$/.test(first) || existsSync(Buffer.from(first, 'latin1'))) return null;
  if (args.length === 1) return unknown(first, 'neither a plyfs command nor a directory to mount on');
  if (hasMountOptions(args) || similarCommand(first) === undefined) return null;
  return unknown(first, 'not a plyfs command');
}

/** The message about `word`. */
function unknown(word: string, why: string): string {
  const similar = similarCommand(word);
  const hint = similar === undefined ? '' : `; did you mean '${similar}'?`;
  return `${printable(word)}: ${why}${hint}; see plyfs --help`;
}

/**
 * The command that `word` misspells with the fewest mistakes. Undefined if it has more than one mistake, and
 * more than one for every three characters of the command.
 */
function similarCommand(word: string): string | undefined {
  const ranked = COMMANDS.map((name) => ({ name, mistakes: mistakesBetween(word, name) }));
  ranked.sort((a, b) => a.mistakes - b.mistakes);
  const [best] = ranked;
  return best !== undefined && best.mistakes <= Math.max(1, Math.floor(best.name.length / 3)) ? best.name : undefined;
}

/**
 * How many characters must be inserted, deleted, replaced, or exchanged with their neighbour to turn `a` into
 * `b` (optimal string alignment distance).
 */
function mistakesBetween(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(previous, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isExchanged = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const exchanged = isExchanged ? at(beforePrevious, j - 2) + 1 : Infinity;
      row.push(Math.min(at(row, j - 1) + 1, at(previous, j) + 1, replaced, exchanged));
    }
    [beforePrevious, previous] = [previous, row];
  }
  return at(previous, b.length);
}

/** The number in a row; outside of the row no change is possible. */
function at(row: readonly number[], index: number): number {
  return row[index] ?? Infinity;
}
