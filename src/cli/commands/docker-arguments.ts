/** `plyfs mount --docker`. */
import { Errno } from '../../core/errno.js';
import type { MountConfig } from '../../server/config/mount-config.js';
import { MountError } from '../../server/config/mount-error.js';
import type { DockerLayers } from '../../store/docker/docker.js';
import { say } from '../output/message.js';

/** All strings are bytes. */
export interface DockerArguments {
  /** Docker's root directory, or that of one driver. */
  readonly directory: string;
  /** Id of a layer, or its beginning. */
  readonly layer: string;
  readonly upper: string | undefined;
  readonly work: string | undefined;
}

/** Lets the mount have these layers, and the upper that was asked for. */
export function applyDocker(args: DockerArguments, { dialect, layers }: DockerLayers, config: MountConfig): void {
  if (config.lowers.length > 0) throw contradiction(dialect === 'aufs' ? 'br' : 'lowerdir');
  if (config.upper !== undefined && args.upper !== undefined) throw contradiction('upperdir');
  config.lowers = [...layers];
  // Docker counts what is below a layer, and the layer is one more here.
  config.maxLayers = Math.max(config.maxLayers, layers.length);
  if (args.upper !== undefined) config.upper = args.upper;
  if (args.work === undefined) return;
  if (dialect === 'aufs') say('--work ignored: layers of aufs need no work directory');
  else if (config.upper === undefined) say('--work ignored: it is of use only with --upper');
  else config.work = args.work;
}

function contradiction(what: string): MountError {
  return MountError.of({ what, why: 'contradicts --docker', errno: Errno.EINVAL, advice: 'see plyfs mount --help' });
}
