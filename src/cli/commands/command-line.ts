/** Runs the command that the command line asks for. */
import { CommanderError } from 'commander';
import { OK, USAGE } from '../output/exit-status.js';
import { printMessage } from '../output/message.js';
import { AS_FUSE_OVERLAYFS } from '../syntax/mount-syntax.js';
import { HelpRequest, WrongCommandLine } from '../syntax/parse-errors.js';
import { buildProgram, type Commands } from '../syntax/program.js';
import { insertLayerOption } from '../syntax/run-syntax.js';
import { beginsWithCommand, describeUnknownCommand } from '../syntax/unknown-command.js';

/** Runs the command that `args` ask for. Returns the exit status. */
export async function runCommandLine(args: readonly string[], commands: Commands): Promise<number> {
  const first = args[0];
  if (first === undefined) {
    printMessage('no mountpoint; see plyfs --help');
    return USAGE;
  }
  const unknown = describeUnknownCommand(args);
  if (unknown !== null) {
    printMessage(unknown);
    return USAGE;
  }
  let status = OK;
  const program = buildProgram(commands, (result) => {
    status = result;
  });
  try {
    const named = beginsWithCommand(args) ? args : ['mount', AS_FUSE_OVERLAYFS, ...args];
    await program.parseAsync(first === 'run' ? insertLayerOption(named) : [...named], { from: 'user' });
    return status;
  } catch (error) {
    return await statusOfFailure(error, args);
  }
}

/** The status after commander has stopped, for a help, the version or a wrong command line. */
async function statusOfFailure(error: unknown, args: readonly string[]): Promise<number> {
  if (error instanceof HelpRequest) {
    process.stdout.write((await import('../manual/help.js')).helpOf(error.command));
    return error.status;
  }
  if (error instanceof CommanderError) return error.exitCode === 0 ? OK : USAGE;
  if (!(error instanceof WrongCommandLine)) throw error;
  printMessage(error.message);
  if (args[0] === 'convert' && asksForJson(args)) await (await import('./command-convert.js')).printRefusal(error);
  return USAGE;
}

/** Whether a command line that could not be parsed has the option --json. */
function asksForJson(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return args.slice(0, end < 0 ? args.length : end).includes('--json');
}
