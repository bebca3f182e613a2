/** The command line of `plyfs run`. */
import { type Command, Option } from 'commander';
import { mountOptions } from './common-options.js';
import { throwParseErrors } from './parse-errors.js';

/** The arguments of `plyfs run`. All strings are bytes. */
export interface RunArguments {
  /** The lower layers, in the form of `lowerdir=`; absent if `docker` names them. */
  readonly rootfs?: string;
  readonly docker?: { readonly directory: string; readonly layer: string };
  readonly upper?: string;
  readonly work?: string;
  /** The changes of the command are discarded. */
  readonly ephemeral: boolean;
  /** The texts after each `-o`. */
  readonly options: readonly string[];
  readonly command: readonly string[];
}

/** The options as commander returns them, by their names. */
interface RunFlags {
  rootfs?: string;
  docker?: string;
  layer?: string;
  upper?: string;
  work?: string;
  ephemeral?: true;
  o?: string[];
}

/**
 * Turns `--docker DIR ID` into `--docker DIR --layer ID`: commander has no option with two values. Call it
 * before commander parses the arguments.
 */
export function insertLayerOption(args: readonly string[]): string[] {
  const end = args.indexOf('--');
  const docker = args.indexOf('--docker');
  const layer = args[docker + 2];
  const isGiven = docker >= 0 && (end < 0 || docker + 2 < end) && layer?.startsWith('-') === false;
  return isGiven ? args.toSpliced(docker + 2, 0, '--layer') : [...args];
}

/** Adds the command to the program. */
export function addRun(program: Command, run: (args: RunArguments) => Promise<void>): void {
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
  throwParseErrors(command).action(async (words: string[], flags: RunFlags) => {
    refuseWrongFlags(flags, command);
    const { rootfs, docker, layer, upper, work, ephemeral = false, o: options = [] } = flags;
    await run({
      ...(rootfs === undefined ? {} : { rootfs }),
      ...(docker === undefined || layer === undefined ? {} : { docker: { directory: docker, layer } }),
      ...(upper === undefined ? {} : { upper }),
      ...(work === undefined ? {} : { work }),
      ephemeral,
      options,
      command: words,
    });
  });
}

/** Refuses options that contradict each other, and missing ones. */
function refuseWrongFlags({ rootfs, docker, layer, upper, work, ephemeral }: RunFlags, command: Command): void {
  if ((rootfs === undefined) === (docker === undefined)) command.error('error: give either --rootfs or --docker');
  if (ephemeral === true && upper !== undefined) command.error('error: --upper and --ephemeral exclude each other');
  if (ephemeral !== true && upper === undefined) {
    command.error('error: give --upper DIR to keep the changes of the command, or --ephemeral to throw them away');
  }
  if (work !== undefined && upper === undefined) command.error('error: --work needs --upper');
  if (docker !== undefined && layer === undefined) command.error('error: --docker needs the ID of a layer');
}

/** The hidden command by which `plyfs run` starts its inner process. */
export function addRunInside(program: Command, runInside: (order: string) => Promise<void>): void {
  program.command('run-inside <order>', { hidden: true }).action(async (order: string) => await runInside(order));
}
