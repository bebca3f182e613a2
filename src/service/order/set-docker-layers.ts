/** `plyfs mount --docker`. */
import { Errno } from '../../core/errno.js';
import { DEFAULT_MAX_LAYERS } from '../../server/config/mount-config.js';
import { MountError } from '../../server/config/mount-error.js';
import type { OptionValues } from '../../server/options/kinds/option-entry.js';
import type { DockerLayers } from '../../store/docker/docker-layers.js';
import type { DockerArguments } from './mount-arguments.js';

/**
 * Puts Docker's layers, and the upper that was asked for, into the values of a mount.
 * @param note receives a line about each argument without effect
 */
export function setDockerLayers(
  { upper, work }: DockerArguments,
  { dialect, layers }: DockerLayers,
  values: OptionValues,
  note: (line: string) => void,
): void {
  if (values.layers !== undefined) throw contradiction('lowerdir');
  if (values.branches !== undefined) throw contradiction('br');
  if (values.upper !== undefined && upper !== undefined) throw contradiction('upperdir');
  values.layers = { layers, dataLayers: 0 };
  // Docker does not count the layer that is mounted, only those below it.
  values.maxLayers = Math.max(values.maxLayers ?? DEFAULT_MAX_LAYERS, layers.length);
  if (upper !== undefined) values.upper = upper;
  if (work === undefined) return;
  if (dialect === 'aufs') note('--work ignored: layers of aufs need no work directory');
  else if (values.upper === undefined) note('--work ignored: it is of use only with --upper');
  else values.work = work;
}

/** The refusal of an option that names layers too. */
function contradiction(what: string): MountError {
  return MountError.of({ what, why: 'contradicts --docker', errno: Errno.EINVAL, advice: 'see plyfs mount --help' });
}
