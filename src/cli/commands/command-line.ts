/** The command line: which command, with which arguments. */
import { Command, CommanderError, Option } from 'commander';
import type { CommandLineForm } from '../options/read-options.js';
import { OK, USAGE } from '../output/exit-status.js';
import { convertHelp, mountHelp, programHelp, runHelp } from '../output/help.js';
import { printMessage } from '../output/message.js';
import { version } from '../output/version.js';
import type { ConvertArguments } from './command-convert.js';
import type { RunArguments } from './command-run.js';
import type { DockerArguments } from './docker-arguments.js';
import type { InsideOrder } from './run-inside.js';
import { describeUnknownCommand, isCommand } from './unknown-command.js';

/** All strings are bytes, as `rawArguments` gives them. */
export interface MountArguments {
  /** The texts after each `-o`, in order. */
  readonly options: readonly string[];
  readonly foreground: boolean;
  readonly debug: boolean;
  readonly source: string | undefined;
  /** How deletions are stored in the layers. */
  readonly dialect: 'overlay' | 'aufs';
  readonly mountpoint: string;
  readonly form: CommandLineForm;
  /** Layers that Docker keeps; absent: those of the options. */
  readonly docker?: DockerArguments;
}

export interface UmountArguments {
  readonly lazy: boolean;
  readonly mountpoint: string;
}

/** One function per command; each returns the exit status. */
export interface Commands {
  mount(args: MountArguments): Promise<number>;
  umount(args: UmountArguments): Promise<number>;
  convert(args: ConvertArguments): Promise<number>;
  run(args: RunArguments): Promise<number>;
  /** The inner half of `run`. */
  runInside(order: InsideOrder): Promise<number>;
}

/**
 * Says that the word `mount` was not given: it is the command line of fuse-overlayfs, and means what that
 * does by it.
 */
const AS_FUSE_OVERLAYFS = '--as-fuse-overlayfs';

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
    const named = isCommand(first) ? args : ['mount', AS_FUSE_OVERLAYFS, ...args];
    await program.parseAsync(first === 'run' ? withLayerNamed(named) : [...named], { from: 'user' });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? OK : USAGE;
    if (!(error instanceof WrongCommandLine)) throw error;
    printMessage(error.message);
    if (first === 'convert' && asksForJson(args)) await (await import('./command-convert.js')).printRefusal(error);
    return USAGE;
  }
}

/** Whether `--json` was given in a command line that could not be parsed. */
function asksForJson(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return args.slice(0, end < 0 ? args.length : end).includes('--json');
}

function buildProgram(commands: Commands, finish: (status: number) => void): Command {
  const program = new Command('plyfs')
    .helpCommand('help [command]')
    .enablePositionalOptions()
    .version(version(), '-V, --version', 'print the version')
    .description('A union file system for Linux: layers in, one writable tree out.')
    .addHelpText('after', programHelp());
  quietly(program);
  addMount(program, commands, finish);
  addUmount(program, commands, finish);
  addConvert(program, commands, finish);
  addRun(program, commands, finish);
  return program;
}

/** The command line is wrong; the message is one line like all our others. */
class WrongCommandLine extends Error {}

/** Commander throws instead of leaving, and leaves its messages to us. */
function quietly(command: Command): Command {
  return command.configureOutput({ outputError: () => {} }).exitOverride((error) => {
    // No message: it has printed a help, or the version.
    if (error.exitCode === 0 || error.code === 'commander.help') throw error;
    throw new WrongCommandLine(usageLine(error.message, command));
  });
}

/** A message of commander's as one line that names the help of the command. */
function usageLine(text: string, command: Command): string {
  const words = text.replace(/^error: /, '').trim();
  const line = words.replaceAll('\n', ' ').replace(/^missing required argument '(\w+)'$/, (_, name: string) => {
    return `missing ${name === 'paths' ? 'MOUNTPOINT' : name.toUpperCase()}`;
  });
  const name = command.parent === null ? 'plyfs' : `plyfs ${command.name()}`;
  return `${line}; see ${name} --help`;
}

/** Its default is none, which is not worth a word of help. */
function mountOptions(): Option {
  return new Option('-o <options>', 'mount options; may be repeated').argParser<string[]>((text, all) => [
    ...(all ?? []),
    text,
  ]);
}

interface MountFlags {
  o?: string[];
  f?: true;
  d?: true;
  transport?: string;
  t?: string;
  docker?: string;
  upper?: string;
  work?: string;
  asFuseOverlayfs?: true;
}

function addMount(program: Command, commands: Commands, finish: (status: number) => void): void {
  const command: Command = program
    .command('mount')
    .description('mount layers as one tree')
    .usage(
      '[-t TYPE] [-o OPTION[,OPTION...]]... [-f] [-d] [SOURCE] MOUNTPOINT\n       plyfs mount --docker DIR [--upper DIR [--work DIR]] [-o ...] [-f] [-d] ID MOUNTPOINT',
    )
    .argument('<paths...>', 'a name for /proc/mounts (may be left out), and the directory to mount on')
    .addOption(
      new Option('-t <type>', 'how deletions are stored in the layers').choices(['overlay', 'overlay2', 'aufs']),
    )
    .addOption(mountOptions())
    .option('--docker <dir>', 'mount a layer that Docker keeps in DIR, and all below it')
    .option('--upper <dir>', 'with --docker: the writable layer on top; without it the mount is read-only')
    .option('--work <dir>', 'with --docker and --upper: the work directory')
    .addOption(
      new Option('--transport <name>', 'how requests come from the kernel; the same as -o transport=').choices([
        'direct',
        'fuse-native',
      ]),
    )
    .option('-f', 'stay in the foreground')
    .option('-d', 'print every request; stay in the foreground')
    .addOption(new Option(AS_FUSE_OVERLAYFS).hideHelp())
    .option('-s', 'accepted: each mount is served by one thread in any case')
    .addHelpText('after', mountHelp());
  quietly(command).action(async (paths: string[], flags: MountFlags) => {
    const mountpoint = paths.at(-1);
    if (mountpoint === undefined || paths.length > 2) {
      command.error(`error: expected [SOURCE] MOUNTPOINT, got ${paths.length} arguments`);
    }
    const docker = dockerArguments(flags, paths.length === 2 ? paths[0] : undefined, command);
    finish(
      await commands.mount({
        options: [...(flags.o ?? []), ...(flags.transport === undefined ? [] : [`transport=${flags.transport}`])],
        foreground: flags.f === true,
        debug: flags.d === true,
        source: docker === undefined && paths.length === 2 ? paths[0] : undefined,
        dialect: flags.t === 'aufs' ? 'aufs' : 'overlay',
        mountpoint,
        form: flags.asFuseOverlayfs === true ? 'fuse-overlayfs' : 'plyfs',
        ...(docker === undefined ? {} : { docker }),
      }),
    );
  });
}

/** The arguments for Docker's layers, with `id` as the topmost. Undefined: the flags do not ask for them. */
function dockerArguments(
  { docker: directory, upper, work, t }: MountFlags,
  id: string | undefined,
  command: Command,
): DockerArguments | undefined {
  if (directory === undefined) {
    if (upper === undefined && work === undefined) return undefined;
    return command.error('error: --upper and --work belong to --docker; for other layers: -o upperdir=,workdir=');
  }
  if (id === undefined) return command.error('error: --docker needs the ID of a layer, and a MOUNTPOINT');
  if (t !== undefined) command.error('error: -t contradicts --docker, which knows how its layers are stored');
  return { directory, layer: id, upper, work };
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

interface ConvertFlags {
  to?: ConvertArguments['to'];
  from?: NonNullable<ConvertArguments['from']>;
  xattrs?: NonNullable<ConvertArguments['xattrs']>;
  volatile?: true;
  json?: true;
}

function addConvert(program: Command, commands: Commands, finish: (status: number) => void): void {
  const command: Command = program
    .command('convert')
    .description('rewrite a layer in the other on-disk form')
    .argument('<SRC>', 'the layer; it is not changed')
    .argument('<DST>', 'the new layer: a free name, or an empty directory')
    // Mandatory, but checked below: commander would report it as missing before it reports an unknown option.
    .addOption(new Option('--to <form>', 'the form of the new layer; needed').choices(['aufs', 'overlay']))
    .addOption(
      new Option('--from <form>', 'the form of SRC (default: the other one)').choices([
        'aufs',
        'overlay',
        'fuse-overlayfs',
      ]),
    )
    .addOption(
      new Option(
        '--xattrs <namespace>',
        'where the overlay form has its own attributes (default: where SRC has them, or this user can set them)',
      ).choices(['trusted', 'user']),
    )
    .option('--volatile', 'do not wait for the disk')
    .option('--json', 'print what was done, or why it was not, as one JSON object')
    .addHelpText('after', convertHelp());
  quietly(command).action(async (source: string, destination: string, flags: ConvertFlags) => {
    if (flags.to === undefined) {
      return command.error(`error: --to is missing: give the form of the new layer, --to aufs or --to overlay`);
    }
    if (flags.from === flags.to) command.error(`error: --from ${flags.from} --to ${flags.to}: nothing to convert`);
    const { to, from, xattrs } = flags;
    finish(
      await commands.convert({
        source,
        destination,
        to,
        ...(from === undefined ? {} : { from }),
        ...(xattrs === undefined ? {} : { xattrs }),
        volatile: flags.volatile === true,
        json: flags.json === true,
      }),
    );
  });
}

interface RunFlags {
  rootfs?: string;
  docker?: string;
  layer?: string;
  upper?: string;
  work?: string;
  ephemeral?: true;
  o?: string[];
}

/** `--docker DIR ID` is one option with two values, for which commander has no form. */
function withLayerNamed(args: readonly string[]): string[] {
  const end = args.indexOf('--');
  const docker = args.indexOf('--docker');
  const layer = args[docker + 2];
  const isGiven = docker >= 0 && (end < 0 || docker + 2 < end) && layer?.startsWith('-') === false;
  return isGiven ? args.toSpliced(docker + 2, 0, '--layer') : [...args];
}

function addRun(program: Command, commands: Commands, finish: (status: number) => void): void {
  const command: Command = program
    .command('run')
    .description('run a command in a layered tree, rootless')
    .usage(
      '--rootfs DIR[:DIR...] (--upper DIR [--work DIR] | --ephemeral) [-o OPTION[,OPTION...]]... [--] [COMMAND [ARG...]]\n       plyfs run --docker DIR ID ...',
    )
    .argument('[command...]', 'what to run (default: /bin/sh)')
    .option('--rootfs <layers>', 'the lower layers, top first')
    .option('--docker <dir>', 'the layer whose ID follows, that Docker keeps in DIR, and all below it')
    .addOption(new Option('--layer <id>').hideHelp())
    .option('--upper <dir>', 'where changes are kept; made if it is not there')
    .option('--work <dir>', 'the work directory (default: that of --upper, with .work behind its name)')
    .option('--ephemeral', 'throw changes away')
    .addOption(mountOptions())
    .passThroughOptions()
    .addHelpText('after', runHelp());
  quietly(command).action(async (words: string[], flags: RunFlags) => {
    const { rootfs, docker, layer, upper, work, ephemeral = false, o: options = [] } = flags;
    if ((rootfs === undefined) === (docker === undefined)) command.error('error: give --rootfs or --docker');
    if (ephemeral === (upper !== undefined)) {
      command.error('error: give --upper DIR to keep what the command changes, or --ephemeral to throw it away');
    }
    if (work !== undefined && upper === undefined) command.error('error: --work belongs to --upper');
    if (docker !== undefined && layer === undefined) command.error('error: --docker needs the ID of a layer');
    finish(
      await commands.run({
        ...(rootfs === undefined ? {} : { rootfs }),
        ...(docker === undefined || layer === undefined ? {} : { docker: { directory: docker, layer } }),
        ...(upper === undefined ? {} : { upper }),
        ...(work === undefined ? {} : { work }),
        ephemeral,
        options,
        command: words,
      }),
    );
  });
  program.command('run-inside <order>', { hidden: true }).action(async (order: string) => {
    finish(await commands.runInside(JSON.parse(Buffer.from(order, 'latin1').toString('utf8')) as InsideOrder));
  });
}
