/** The command line of another process, read for the service. */
import { CommanderError } from 'commander';
import { MountError } from '../../server/config/mount-error.js';
import type { MountArguments } from '../../service/order/mount-arguments.js';
import { OK } from '../output/exit-status.js';
import { calledAs } from '../syntax/called-as.js';
import { AS_FUSE_OVERLAYFS } from '../syntax/mount-syntax.js';
import { HelpRequest, WrongCommandLine } from '../syntax/parse-errors.js';
import { buildProgram, type Commands } from '../syntax/program.js';
import { beginsWithCommand, hasMountOptions } from '../syntax/unknown-command.js';

/**
 * The mount that a command line asks for. Undefined: it asks for something else, or is wrong; then the
 * process itself does it, or prints why not.
 * @param program the path by which `bin/plyfs` was called
 */
export async function parseMount(program: string, args: readonly string[]): Promise<MountArguments | undefined> {
  let found: MountArguments | undefined;
  const other = async (): Promise<number> => OK;
  const commands: Commands = {
    mount: async (mount) => {
      found = mount;
      return OK;
    },
    umount: other,
    convert: other,
    run: other,
    runInside: other,
    serve: other,
    serveInside: other,
    completion: other,
  };
  try {
    const call = calledAs(program.slice(program.lastIndexOf('/') + 1), args);
    if (call.kind !== 'plyfs' || call.args.length === 0) return undefined;
    // The process itself finds out whether such a line is a misspelt command, for which it looks at files.
    if (!beginsWithCommand(call.args) && !hasMountOptions(call.args)) return undefined;
    const named = beginsWithCommand(call.args) ? call.args : ['mount', AS_FUSE_OVERLAYFS, ...call.args];
    const parser = buildProgram(commands, () => {}).configureOutput({ writeOut: () => {} });
    await parser.parseAsync([...named], { from: 'user' });
    return found;
  } catch (error) {
    const isExpected = [HelpRequest, CommanderError, WrongCommandLine, MountError].some(
      (type) => error instanceof type,
    );
    if (!isExpected) throw error;
    return undefined;
  }
}
