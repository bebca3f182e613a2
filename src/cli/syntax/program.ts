/** The program with all its commands, as commander parses it. Each command has a file of its own. */
import { Command } from 'commander';
import type { MountArguments } from '../../service/order/mount-arguments.js';
import { version } from '../output/version.js';
import { addCompletion } from './completion-syntax.js';
import { addConvert, type ConvertArguments } from './convert-syntax.js';
import { addMount } from './mount-syntax.js';
import { throwParseErrors } from './parse-errors.js';
import { addRun, addRunInside, type RunArguments } from './run-syntax.js';
import { addServe, addServeInside, type ServeArguments } from './serve-syntax.js';
import { addUmount, type UmountArguments } from './umount-syntax.js';

/** One function per command; each returns the exit status. */
export interface Commands {
  mount(args: MountArguments): Promise<number>;
  umount(args: UmountArguments): Promise<number>;
  convert(args: ConvertArguments): Promise<number>;
  run(args: RunArguments): Promise<number>;
  /** The inner half of `run`. `order` is the text of an InsideOrder. */
  runInside(order: string): Promise<number>;
  serve(args: ServeArguments): Promise<number>;
  /** The server process of `serve`. `settings` is the text of InsideSettings. */
  serveInside(settings: string): Promise<number>;
  /** Prints the completion of `program` for a shell. */
  completion(shell: string, program: Command): Promise<number>;
}

/**
 * Builds the program.
 * @param setStatus receives the exit status of the command, because commander has no place for it
 */
export function buildProgram(commands: Commands, setStatus: (status: number) => void): Command {
  const program = new Command('plyfs')
    .helpCommand('help [command]', 'print the help of a command')
    .enablePositionalOptions()
    .version(version(), '-V, --version', 'print the version')
    .usage('COMMAND ...\n       plyfs [-o OPTION[,OPTION...]]... [-f] [-d] [SOURCE] MOUNTPOINT')
    .description('A union file system for Linux: layers in, one writable tree out.');
  throwParseErrors(program);
  addMount(program, async (args) => setStatus(await commands.mount(args)));
  addUmount(program, async (args) => setStatus(await commands.umount(args)));
  addConvert(program, async (args) => setStatus(await commands.convert(args)));
  addRun(program, async (args) => setStatus(await commands.run(args)));
  addRunInside(program, async (order) => setStatus(await commands.runInside(order)));
  addServe(program, async (args) => setStatus(await commands.serve(args)));
  addServeInside(program, async (settings) => setStatus(await commands.serveInside(settings)));
  addCompletion(program, async (shell) => setStatus(await commands.completion(shell, program)));
  return program;
}
