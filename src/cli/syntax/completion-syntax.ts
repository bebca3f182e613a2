/** The command line of `plyfs completion`. */
import { Argument, type Command } from 'commander';
import { throwParseErrors } from './parse-errors.js';

/** The shells that have a completion. */
const SHELLS = ['bash', 'zsh', 'fish'];

/** Adds the command to the program. */
export function addCompletion(program: Command, completion: (shell: string) => Promise<void>): void {
  const command = program
    .command('completion')
    .description('print the completion of plyfs for a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS));
  throwParseErrors(command).action(async (shell: string) => await completion(shell));
}
