/** The commands and their options, as commander parses them. */
import { Argument, Command, Option } from 'commander';
import { optionWords } from '../../server/options/option-words.js';
import type { CommandLineForm } from '../options/read-options.js';
import { OK, USAGE } from '../output/exit-status.js';
import { version } from '../output/version.js';
import type { ConvertArguments } from './command-convert.js';
import type { RunArguments } from './command-run.js';
import type { DockerArguments } from './docker-arguments.js';

/** All strings are bytes, as `rawArguments` returns them. */
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
  /** Layers that Docker keeps; absent if the options name the layers. */
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
  /** The inner half of `run`. `order` is the text of an InsideOrder. */
  runInside(order: string): Promise<number>;
  /** Prints the completion of `program` for a shell. */
  completion(shell: string, program: Command): Promise<number>;
}

const SHELLS = ['bash', 'zsh', 'fish'];

type Finish = (status: number) => void;

/**
 * Hidden option for a command line without the word `mount`: that is one of fuse-overlayfs, and follows its
 * rules.
 */
export const AS_FUSE_OVERLAYFS = '--as-fuse-overlayfs';

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

/** @param finish receives the exit status of the command */
export function buildProgram(commands: Commands, finish: Finish): Command {
  const program = new Command('plyfs')
    .helpCommand('help [command]', 'print the help of a command')
    .enablePositionalOptions()
    .version(version(), '-V, --version', 'print the version')
    .usage('COMMAND ...\n       plyfs [-o OPTION[,OPTION...]]... [-f] [-d] [SOURCE] MOUNTPOINT')
    .description('A union file system for Linux: layers in, one writable tree out.');
  throwErrors(program);
  addMount(program, commands, finish);
  addUmount(program, commands, finish);
  addConvert(program, commands, finish);
  addRun(program, commands, finish);
  addCompletion(program, commands, finish);
  return program;
}

/** Makes commander throw instead of ending the process, and print neither errors nor help. */
function throwErrors(command: Command): Command {
  return command
    .helpOption('-h, --help', 'print this help')
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

/** `-o`, whose values are collected. It has no default, so that the help shows none. */
function mountOptions(): Option {
  return new Option('-o <options>', 'mount options, separated by commas; may be repeated').argParser<string[]>(
    (text, all) => [...(all ?? []), text],
  );
}

/** An option of a command that is the same as a word of `-o`. */
function sameAs(word: string, flags: string): Option {
  const entry = optionWords('overlay').get(word)?.entry;
  if (entry?.kind !== 'value' || !Array.isArray(entry.takes.completes)) throw new Error(`${word}: not a choice`);
  return new Option(flags, `${entry.help}; the same as -o ${word}=`).choices(entry.takes.completes);
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

function addMount(program: Command, commands: Commands, finish: Finish): void {
  const command: Command = program
    .command('mount')
    .description('mount layers as one tree')
    .usage(
      '[-t TYPE] [-o OPTION[,OPTION...]]... [-f] [-d] [SOURCE] MOUNTPOINT\n       plyfs mount --docker DIR [--upper DIR [--work DIR]] [-o ...] [-f] [-d] ID MOUNTPOINT',
    )
    .argument('<paths...>')
    .addOption(
      new Option('-t <type>', 'how deletions are stored in the layers').choices(['overlay', 'overlay2', 'aufs']),
    )
    .addOption(mountOptions())
    .option('--docker <dir>', 'mount a layer that Docker keeps in DIR, and all layers below it')
    .option('--upper <dir>', 'with --docker: the writable layer on top; without it the mount is read-only')
    .option('--work <dir>', 'with --docker and --upper: the work directory')
    .addOption(sameAs('transport', '--transport <name>'))
    .option('-f', 'stay in the foreground')
    .option('-d', 'print every request; stay in the foreground')
    .addOption(new Option(AS_FUSE_OVERLAYFS).hideHelp())
    .option('-s', 'accepted for compatibility; a mount is always served by one thread');
  throwErrors(command).action(async (paths: string[], flags: MountFlags) => {
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

/**
 * The layers of Docker that the flags name, of which `id` is the topmost. Undefined if the flags name none.
 */
function dockerArguments(
  { docker: directory, upper, work, t }: MountFlags,
  id: string | undefined,
  command: Command,
): DockerArguments | undefined {
  if (directory === undefined) {
    if (upper === undefined && work === undefined) return undefined;
    return command.error('error: --upper and --work need --docker; for other layers use -o upperdir=,workdir=');
  }
  if (id === undefined) return command.error('error: --docker needs the ID of a layer, and a MOUNTPOINT');
  if (t !== undefined) command.error('error: -t contradicts --docker, which knows how its layers are stored');
  return { directory, layer: id, upper, work };
}

function addUmount(program: Command, commands: Commands, finish: Finish): void {
  const command: Command = program
    .command('umount')
    .description('unmount a plyfs mount')
    .argument('<mountpoint>', 'where it is mounted')
    .option('-l, --lazy', 'detach it now, even if it is in use');
  throwErrors(command).action(async (mountpoint: string, flags: { lazy?: true }) => {
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

function addConvert(program: Command, commands: Commands, finish: Finish): void {
  const command: Command = program
    .command('convert')
    .description('convert a layer between the overlay and aufs on-disk formats')
    .argument('<SRC>', 'the layer; it is not changed')
    .argument('<DST>', 'the new layer: a free name, or an empty directory')
    // Required, but checked below: commander would report it as missing before it reports an unknown option.
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
        "namespace of the overlay's own attributes (default: that of SRC, or one that this user can set)",
      ).choices(['trusted', 'user']),
    )
    .option('--volatile', 'do not wait for the disk')
    .option('--json', 'print what was done, or what prevented it, as one JSON object');
  throwErrors(command).action(async (source: string, destination: string, flags: ConvertFlags) => {
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

/** Gives ID of `--docker DIR ID` a flag of its own: commander has no option with two values. */
export function withLayerNamed(args: readonly string[]): string[] {
  const end = args.indexOf('--');
  const docker = args.indexOf('--docker');
  const layer = args[docker + 2];
  const isGiven = docker >= 0 && (end < 0 || docker + 2 < end) && layer?.startsWith('-') === false;
  return isGiven ? args.toSpliced(docker + 2, 0, '--layer') : [...args];
}

function addRun(program: Command, commands: Commands, finish: Finish): void {
  const command: Command = program
    .command('run')
    .description('run a command inside a layered tree, without root')
    .usage(
      '--rootfs DIR[:DIR...] (--upper DIR [--work DIR] | --ephemeral) [-o OPTION[,OPTION...]]... [--] [COMMAND [ARG...]]\n       plyfs run --docker DIR ID ...',
    )
    .argument('[command...]', 'what to run (default: /bin/sh)')
    .option('--rootfs <layers>', 'the lower layers, top first')
    .option('--docker <dir>', 'the layer ID that Docker keeps in DIR, and all layers below it; the ID follows DIR')
    .addOption(new Option('--layer <id>').hideHelp())
    .option('--upper <dir>', 'where changes are kept; created if missing')
    .option('--work <dir>', 'the work directory (default: the --upper path with .work appended)')
    .option('--ephemeral', 'throw changes away')
    .addOption(mountOptions())
    .passThroughOptions();
  throwErrors(command).action(async (words: string[], flags: RunFlags) => {
    const { rootfs, docker, layer, upper, work, ephemeral = false, o: options = [] } = flags;
    if ((rootfs === undefined) === (docker === undefined)) command.error('error: give either --rootfs or --docker');
    if (ephemeral && upper !== undefined) command.error('error: --upper and --ephemeral exclude each other');
    if (!ephemeral && upper === undefined) {
      command.error('error: give --upper DIR to keep the changes of the command, or --ephemeral to throw them away');
    }
    if (work !== undefined && upper === undefined) command.error('error: --work needs --upper');
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
  program
    .command('run-inside <order>', { hidden: true })
    .action(async (order: string) => finish(await commands.runInside(order)));
}

function addCompletion(program: Command, commands: Commands, finish: Finish): void {
  const command = program
    .command('completion')
    .description('print the completion of plyfs for a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS));
  throwErrors(command).action(async (shell: string) => finish(await commands.completion(shell, program)));
}
