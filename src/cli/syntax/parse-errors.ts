/** Errors that end the parsing of a command line before a command runs, and the request for help. */
import type { Command } from 'commander';
import { OK, USAGE } from '../output/exit-status.js';

/**
 * Thrown when the user asks for the help of `command`. The help is printed where this is caught, because its
 * text is loaded only when it is needed.
 */
export class HelpRequest extends Error {
  constructor(
    readonly command: Command,
    readonly status: number,
  ) {
    super('help');
  }
}

/** The command line is wrong; the message is one line. */
export class WrongCommandLine extends Error {}

/**
 * Makes commander throw these errors for `command`. By itself it would print errors and help, and end the
 * process.
 */
export function throwParseErrors(command: Command): Command {
  return command
    .helpOption('-h, --help', 'print the help')
    .configureHelp({ formatHelp: () => '' })
    .configureOutput({ outputError: () => {} })
    .exitOverride((error) => {
      if (error.code === 'commander.helpDisplayed' || error.code === 'commander.help') {
        throw new HelpRequest(command, error.exitCode === 0 ? OK : USAGE);
      }
      if (error.exitCode === 0) throw error; // The version has been printed.
      throw new WrongCommandLine(usageLine(error.message, command));
    });
}

/** A message of commander as one line that names the help of the command. */
function usageLine(text: string, command: Command): string {
  const words = text.replace(/^error: /, '').trim();
  const line = words
    .replaceAll('\n', ' ')
    .replace(/\.$/, '')
    .replace(/^missing required argument '(\w+)'$/, (_, name: string) => {
      return `missing ${name === 'paths' ? 'MOUNTPOINT' : name.toUpperCase()}`;
    });
  const name = command.parent === null ? 'plyfs' : `plyfs ${command.name()}`;
  return `${line}; see ${name} --help`;
}
