/** The settings that a command line asks for. */
import { Errno } from '../../core/errno.js';
import { HIGHEST_MAX_LAYERS } from '../../server/config/mount-config.js';
import { MountError, printable } from '../../server/config/mount-error.js';
import type { OptionValues } from '../../server/options/kinds/option-entry.js';
import { splitOptions } from '../../server/options/kinds/option-list.js';
import { type IgnoredOptions, readOptions } from '../../server/options/read-options.js';
import { resolveMount } from '../../server/options/resolve-mount.js';
import type { DockerLayers } from '../../store/docker/docker-layers.js';
import type { MountArguments } from './mount-arguments.js';
import type { MountSettings } from './mount-settings.js';
import { setDockerLayers } from './set-docker-layers.js';

/**
 * The settings that the command line asks for, over the defaults of the user who runs it.
 * @param found the layers that {@link MountArguments.docker} names; undefined: it names none
 * @param note receives a line about each option that is ignored
 * @throws {@link MountError} if the options are refused
 */
export function settingsOf(
  args: MountArguments,
  found: DockerLayers | undefined,
  note: (line: string) => void,
): MountSettings {
  if (args.source === '') throw MountError.of({ what: 'SOURCE', why: 'empty', errno: Errno.EINVAL });
  const values: OptionValues = {
    dialect: found?.dialect ?? args.dialect,
    mountpoint: args.mountpoint,
    ...(args.source === undefined ? {} : { fsname: args.source }),
    ...(args.form === 'plyfs' ? {} : { markersInUpper: true, maxLayers: HIGHEST_MAX_LAYERS }),
  };
  noteIgnored(readOptions(args.options.flatMap(splitOptions), values, args.form), note);
  if (args.docker !== undefined && found !== undefined) setDockerLayers(args.docker, found, values, note);
  if (args.debug) values.debug = true;
  const { logFile, service } = values;
  return {
    config: resolveMount(values, note),
    ...(logFile === undefined ? {} : { logFile }),
    ...(service === undefined ? {} : { service }),
  };
}

/** Notes a line for each option that has no effect. */
function noteIgnored({ unknown, refused, unsupported }: IgnoredOptions, note: (line: string) => void): void {
  unsupported.forEach(note);
  for (const option of unknown) note(`unknown option ignored: ${printable(option)}`);
  for (const why of refused) note(`option ignored: ${why}`);
}
