/** `plyfs mount`. */
import { checkConfig } from '../../server/checks/check-config.js';
import { chooseServer } from '../../server/choose-server.js';
import { defaultConfig, HIGHEST_MAX_LAYERS, type MountConfig } from '../../server/config/mount-config.js';
import { MountError } from '../../server/config/mount-error.js';
import type { Server } from '../../server/serving/server.js';
import type { ThreadServer } from '../../server/thread/thread-server.js';
import type { DockerLayers } from '../../store/docker/docker.js';
import { StoreError } from '../../store/store-error.js';
import { applyOptions } from '../options/apply-options.js';
import { takeAufsOptions } from '../options/aufs-options.js';
import type { MountSettings } from '../options/option-kinds.js';
import { splitOptions } from '../options/option-list.js';
import { FAILURE } from '../output/exit-status.js';
import { say, warnIgnored } from '../output/message.js';
import { serveInBackground } from '../process/background.js';
import { serveInForeground } from '../process/foreground.js';
import type { Launcher } from '../process/launcher.js';
import { mountBehindLauncher, readSettings } from '../process/relaunch.js';
import type { PathRule } from '../process/removed-directory.js';
import type { MountArguments } from './command-line.js';
import { applyDocker, type DockerArguments } from './docker-arguments.js';

/**
 * @param paths checks the paths of the command line
 * @param launcher who waits, if it is to be a mount in the background
 * @param early a server that has been started already
 */
export async function commandMount(
  args: MountArguments,
  paths: PathRule,
  launcher: Launcher | undefined,
  early: ThreadServer | undefined,
): Promise<number> {
  return await saying(async () => {
    if (args.options.flatMap(splitOptions).some(({ name }) => name === 'remount')) {
      paths.check({ mountpoint: args.mountpoint });
      await early?.dismiss();
      return (await import('./command-remount.js')).commandRemount(args);
    }
    if (args.docker !== undefined) paths.check({ '--docker': args.docker.directory });
    const settings = await settingsOf(args);
    checkPaths(settings, paths);
    const config = checkConfig(settings.config);
    if (args.foreground || config.debug) return await serveInForeground(config, await serverOf(config, early));
    if (launcher !== undefined) {
      return await serveInBackground({ ...settings, config }, launcher, await serverOf(config, early));
    }
    await early?.dismiss();
    return await mountBehindLauncher({ ...settings, config });
  });
}

function checkPaths({ config, logFile }: MountSettings, paths: PathRule): void {
  const { mountpoint, lowers, upper, work } = config;
  paths.check({ mountpoint, lowerdir: lowers, upperdir: upper, workdir: work, log: logFile });
}

/** As {@link commandMount}, where a launcher of this same program has read the command line. */
export async function mountAsTold(launcher: Launcher, early: ThreadServer | undefined): Promise<number> {
  return await saying(async () => {
    const settings = readSettings();
    return await serveInBackground(settings, launcher, await serverOf(settings.config, early));
  });
}

/** Says why something was refused. */
async function saying(body: () => Promise<number>): Promise<number> {
  try {
    return await body();
  } catch (error) {
    const refusal = error instanceof StoreError ? MountError.of(error.problem) : error;
    if (!(refusal instanceof MountError)) throw refusal;
    say(refusal.message);
    return FAILURE;
  }
}

async function serverOf(config: MountConfig, early: ThreadServer | undefined): Promise<Server> {
  if (early !== undefined && config.transport === 'direct') return early;
  await early?.dismiss();
  return chooseServer(config);
}

/**
 * What the command line says, over the defaults of the user who runs it. Unknown options are named on stderr.
 */
async function settingsOf(args: MountArguments): Promise<MountSettings> {
  const config = defaultConfig(process.geteuid?.() === 0);
  config.mountpoint = args.mountpoint;
  if (args.form === 'fuse-overlayfs') {
    config.markersInUpper = true;
    config.maxLayers = HIGHEST_MAX_LAYERS;
  }
  if (args.source !== undefined) config.fsname = args.source;
  const settings: MountSettings = { config };
  const docker = args.docker === undefined ? null : await layersOf(args.docker);
  config.dialect = docker?.layers.dialect ?? args.dialect;
  let options = args.options.flatMap(splitOptions);
  if (config.dialect === 'aufs') {
    const { rest, warnings } = takeAufsOptions(options, config);
    warnings.forEach(say);
    options = rest;
  }
  warnIgnored(applyOptions(options, settings, args.form));
  if (docker !== null) applyDocker(docker.args, docker.layers, config);
  if (args.debug) config.debug = true;
  return settings;
}

/**
 * Looking for them needs system calls, which nothing else here does: what is native loads in the server's
 * thread first.
 */
async function layersOf(args: DockerArguments): Promise<{ args: DockerArguments; layers: DockerLayers }> {
  const { findDockerLayers } = await import('../../store/docker/docker.js');
  return { args, layers: findDockerLayers(args.directory, args.layer) };
}
