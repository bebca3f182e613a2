/** `plyfs mount`. */
import { Errno } from '../../core/errno.js';
import { checkConfig } from '../../server/checks/check-config.js';
import { chooseServer } from '../../server/choose-server.js';
import { HIGHEST_MAX_LAYERS, type MountConfig } from '../../server/config/mount-config.js';
import { MountError } from '../../server/config/mount-error.js';
import type { OptionValues } from '../../server/options/kinds/option-entry.js';
import { splitOptions } from '../../server/options/kinds/option-list.js';
import { resolveMount } from '../../server/options/resolve-mount.js';
import type { Server } from '../../server/serving/server.js';
import type { ThreadServer } from '../../server/thread/thread-server.js';
import type { DockerLayers } from '../../store/docker/docker-layers.js';
import { StoreError } from '../../store/store-error.js';
import { readOptions } from '../options/read-options.js';
import { FAILURE } from '../output/exit-status.js';
import { printMessage, warnIgnored } from '../output/message.js';
import { serveInBackground } from '../process/background.js';
import { serveInForeground } from '../process/foreground.js';
import type { Launcher } from '../process/launcher.js';
import type { MountSettings } from '../process/mount-settings.js';
import { mountAsLauncher, readSettings } from '../process/relaunch.js';
import type { PathRule } from '../process/removed-directory.js';
import type { DockerArguments, MountArguments } from '../syntax/mount-syntax.js';
import { setDockerLayers } from './set-docker-layers.js';

/**
 * Mounts, and resolves with the exit status. If the mount is in the background, resolves when the launcher
 * has its answer.
 * @param paths checks the paths of the command line
 * @param launcher the process that waits for a mount in the background, if there is one
 * @param preloaded a server that loads its modules already; dismissed if this mount does not need it
 */
export async function commandMount(
  args: MountArguments,
  paths: PathRule,
  launcher: Launcher | undefined,
  preloaded: ThreadServer | undefined,
): Promise<number> {
  return await reportRefusal(async () => {
    if (args.options.flatMap(splitOptions).some(({ name }) => name === 'remount')) {
      paths.check({ mountpoint: args.mountpoint });
      await preloaded?.dismiss();
      return (await import('./command-remount.js')).commandRemount(args);
    }
    if (args.docker !== undefined) paths.check({ '--docker': args.docker.directory });
    const settings = await settingsOf(args);
    checkPaths(settings, paths);
    const config = checkConfig(settings.config);
    if (args.foreground || config.debug) return await serveInForeground(config, await serverFor(config, preloaded));
    if (launcher !== undefined) {
      return await serveInBackground({ ...settings, config }, launcher, await serverFor(config, preloaded));
    }
    await preloaded?.dismiss();
    return await mountAsLauncher({ ...settings, config });
  });
}

/** Refuses relative paths if the working directory has been removed. */
function checkPaths({ config, logFile }: MountSettings, paths: PathRule): void {
  const { mountpoint, lowers, upper, work } = config;
  paths.check({ mountpoint, lowerdir: lowers, upperdir: upper, workdir: work, log: logFile });
}

/**
 * Mounts with the settings on stdin. The launcher has written them: it is this same program, and has read the
 * command line.
 */
export async function mountFromSettings(launcher: Launcher, preloaded: ThreadServer | undefined): Promise<number> {
  return await reportRefusal(async () => {
    const settings = await readSettings();
    return await serveInBackground(settings, launcher, await serverFor(settings.config, preloaded));
  });
}

/** Runs `body`; prints the reason if the mount is refused. */
async function reportRefusal(body: () => Promise<number>): Promise<number> {
  try {
    return await body();
  } catch (error) {
    const refusal = error instanceof StoreError ? MountError.of(error.problem) : error;
    if (!(refusal instanceof MountError)) throw refusal;
    printMessage(refusal.message);
    return FAILURE;
  }
}

/** The preloaded server if it has the transport of `config`; otherwise a new one. */
async function serverFor(config: MountConfig, preloaded: ThreadServer | undefined): Promise<Server> {
  if (preloaded !== undefined && config.transport === 'direct') return preloaded;
  await preloaded?.dismiss();
  return chooseServer(config);
}

/**
 * The settings that the command line asks for, over the defaults of the user who runs it. Unknown options are
 * named on stderr.
 */
async function settingsOf(args: MountArguments): Promise<MountSettings> {
  if (args.source === '') throw MountError.of({ what: 'SOURCE', why: 'empty', errno: Errno.EINVAL });
  const docker = args.docker === undefined ? null : await layersOf(args.docker);
  const values: OptionValues = {
    dialect: docker?.layers.dialect ?? args.dialect,
    mountpoint: args.mountpoint,
    ...(args.source === undefined ? {} : { fsname: args.source }),
    ...(args.form === 'plyfs' ? {} : { markersInUpper: true, maxLayers: HIGHEST_MAX_LAYERS }),
  };
  warnIgnored(readOptions(args.options.flatMap(splitOptions), values, args.form));
  if (docker !== null) setDockerLayers(docker.args, docker.layers, values);
  if (args.debug) values.debug = true;
  const { logFile } = values;
  return { config: resolveMount(values, printMessage), ...(logFile === undefined ? {} : { logFile }) };
}

/**
 * Finds the layers that Docker keeps. Nothing else in this file needs native system calls. So their module is
 * imported only when this function runs: the server's thread then loads the native library first.
 */
async function layersOf(args: DockerArguments): Promise<{ args: DockerArguments; layers: DockerLayers }> {
  const { findDockerLayers } = await import('../../store/docker/docker-layers.js');
  return { args, layers: findDockerLayers(args.directory, args.layer) };
}
