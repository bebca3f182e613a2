/** The command line of `plyfs mount`, and that of fuse-overlayfs. */
import { type Command, Option } from 'commander';
import type { DockerArguments, MountArguments } from '../../service/order/mount-arguments.js';
import { mountOptions, optionForWord } from './common-options.js';
import { throwParseErrors } from './parse-errors.js';

/**
 * Hidden option for a command line without the word `mount`: that is one of fuse-overlayfs, and follows its
 * rules.
 */
export const AS_FUSE_OVERLAYFS = '--as-fuse-overlayfs';

/** The options as commander returns them, by their names. */
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

/** Adds the command to the program. */
export function addMount(program: Command, mount: (args: MountArguments) => Promise<void>): void {
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
    .addOption(optionForWord('transport', '--transport <name>'))
    .option('-f', 'stay in the foreground')
    .option('-d', 'print every request; stay in the foreground')
    .addOption(new Option(AS_FUSE_OVERLAYFS).hideHelp())
    .option('-s', 'accepted for compatibility; a mount is always served by one thread');
  throwParseErrors(command).action(async (paths: string[], flags: MountFlags) => {
    await mount(mountArguments(paths, flags, command));
  });
}

/** @param paths `[SOURCE] MOUNTPOINT`; with `--docker`, the id of a layer is in the place of SOURCE */
function mountArguments(paths: readonly string[], flags: MountFlags, command: Command): MountArguments {
  const mountpoint = paths.at(-1);
  if (mountpoint === undefined || paths.length > 2) {
    command.error(`error: expected [SOURCE] MOUNTPOINT, got ${paths.length} arguments`);
  }
  const first = paths.length === 2 ? paths[0] : undefined;
  const docker = dockerArguments(flags, first, command);
  return {
    options: [...(flags.o ?? []), ...(flags.transport === undefined ? [] : [`transport=${flags.transport}`])],
    foreground: flags.f === true,
    debug: flags.d === true,
    source: docker === undefined ? first : undefined,
    dialect: flags.t === 'aufs' ? 'aufs' : 'overlay',
    mountpoint,
    form: flags.asFuseOverlayfs === true ? 'fuse-overlayfs' : 'plyfs',
    ...(docker === undefined ? {} : { docker }),
  };
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
