/** The command line: which command, with which arguments. */
import { Command, CommanderError, Option } from 'commander';
import { OK, USAGE } from './exit-status.js';
import { mountHelp, programHelp } from './help.js';
import { say } from './message.js';
import { version } from './version.js';

/** All strings are bytes, as `rawArguments` gives them. */
export interface MountArguments {
  /** The texts after each `-o`, in order. */
  readonly options: readonly string[];
  readonly foreground: boolean;
  readonly debug: boolean;
  readonly source: string | undefined;
  readonly mountpoint: string;
}

export interface UmountArguments {
  readonly lazy: boolean;
  readonly mountpoint: string;
}

/** One function per command; each returns the exit status. */
export interface Commands {
  mount(args: MountArguments): Promise<number>;
  umount(args: UmountArguments): Promise<number>;
}

/** What the first argument can be for the command line to be ours; anything else is the drop-in form of `mount`. */
const FIRST = new Set(['mount', 'umount', 'help', '--help', '-h', '--version', '-V']);

/** Runs the command that `args` ask for. Returns the exit status. */
export async function runCommandLine(args: readonly string[], commands: Commands): Promise<number> {
  const first = args[0];
  if (first === undefined) {
    say('no mountpoint; see plyfs --help');
    return USAGE;
  }
  let status = OK;
  const program = buildProgram(commands, (result) => {
    status = result;
  });
  try {
    await program.parseAsync(FIRST.has(first) ? [...args] : ['mount', ...args], { from: 'user' });
    return status;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? OK : USAGE;
  }
}

function buildProgram(commands: Commands, finish: (status: number) => void): Command {
  const program = new Command('plyfs')
    .helpCommand('help [command]')
    .version(`plyfs ${version()}`, '-V, --version', 'print the version')
    .description('A union file system for Linux: layers in, one writable tree out.')
    .addHelpText('after', programHelp());
  quietly(program);
  addMount(program, commands, finish);
  addUmount(program, commands, finish);
  return program;
}

/** Commander throws instead of leaving, and its messages are lines like all our others. */
function quietly(command: Command): Command {
  return command.exitOverride().configureOutput({
    outputError: (text) =>
      say(
        `${text
          .replace(/^error: /, '')
          .trim()
          .replaceAll('\n', ' ')}; see plyfs --help`,
      ),
  });
}

interface MountFlags {
  o: string[];
  f?: true;
  d?: true;
}

function addMount(program: Command, commands: Commands, finish: (status: number) => void): void {
  const command: Command = program
    .command('mount')
    .description('mount layers as one tree')
    .usage('[-t TYPE] [-o OPTION[,OPTION...]]... [-f] [-d] [SOURCE] MOUNTPOINT')
    .argument('<paths...>', 'a name for /proc/mounts (may be left out), and the directory to mount on')
    .addOption(new Option('-t <type>', 'how deletions are stored in the layers').choices(['overlay', 'overlay2']))
    .option('-o <options>', 'mount options; may be repeated', (text, all: string[]) => [...all, text], [])
    .option('-f', 'stay in the foreground')
    .option('-d', 'print every request; stay in the foreground')
    .option('-s', 'accepted: each mount is served by one thread in any case')
    .addHelpText('after', mountHelp());
  quietly(command).action(async (paths: string[], flags: MountFlags) => {
    const mountpoint = paths.at(-1);
    if (mountpoint === undefined || paths.length > 2) {
      command.error(`error: expected [SOURCE] MOUNTPOINT, got ${paths.length} arguments`);
    }
    finish(
      await commands.mount({
        options: flags.o,
        foreground: flags.f === true,
        debug: flags.d === true,
        source: paths.length === 2 ? paths[0] : undefined,
        mountpoint,
      }),
    );
  });
}

function addUmount(program: Command, commands: Commands, finish: (status: number) => void): void {
  const command: Command = program
    .command('umount')
    .description('take a mount away')
    .argument('<mountpoint>', 'where it is mounted')
    .option('-l, --lazy', 'detach it now, even while it is in use');
  quietly(command).action(async (mountpoint: string, flags: { lazy?: true }) => {
    finish(await commands.umount({ mountpoint, lazy: flags.lazy === true }));
  });
}
