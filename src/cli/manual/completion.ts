/** The text that `plyfs completion SHELL` prints, from the commands and the table of options. */
import type { Command } from 'commander';
import { bashCompletion } from './bash-completion.js';
import { completionWords } from './completion-words.js';
import { fishCompletion } from './fish-completion.js';
import { zshCompletion } from './zsh-completion.js';

const WRITERS: ReadonlyMap<string, typeof bashCompletion> = new Map([
  ['bash', bashCompletion],
  ['zsh', zshCompletion],
  ['fish', fishCompletion],
]);

/** The completion of `program` for `shell`: a script that the shell can source. */
export function completionFor(shell: string, program: Command): string {
  const writer = WRITERS.get(shell);
  if (writer === undefined) throw new Error(`no completion for ${shell}`);
  return writer(completionWords(program));
}
