/** `plyfs mount`. */
import { checkConfig } from '../../server/checks/check-config.js';
import { chooseServer } from '../../server/choose-server.js';
import type { MountConfig } from '../../server/config/mount-config.js';
import { MountError } from '../../server/config/mount-error.js';
import { splitOptions } from '../../server/options/kinds/option-list.js';
import type { Server } from '../../server/serving/server.js';
import type { ThreadServer } from '../../server/thread/thread-server.js';
import type { DockerArguments, MountArguments } from '../../service/order/mount-arguments.js';
import type { MountSettings } from '../../service/order/mount-settings.js';
import type { PathRule } from '../../service/order/path-rule.js';
import { settingsOf } from '../../service/order/settings-of.js';
import type { DockerLayers } from '../../store/docker/docker-layers.js';
import { StoreError } from '../../store/store-error.js';
import { FAILURE, OK } from '../output/exit-status.js';
import { printMessage } from '../output/message.js';
import { serveInBackground } from '../process/background.js';
import { serveInForeground } from '../process/foreground.js';
import type { Launcher } from '../process/launcher.js';
import { mountAsLauncher, readSettings } from '../process/relaunch.js';

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
    const found = args.docker === undefined ? undefined : await layersOf(args.docker);
    const settings = settingsOf(args, found, printMessage);
    paths.checkMount(settings);
    const config = checkConfig(settings.config);
    if (await isServed({ ...settings, config }, args)) {
      await preloaded?.dismiss();
      return OK;
    }
    if (args.foreground || config.debug) return await serveInForeground(config, await serverFor(config, preloaded));
    if (launcher !== undefined) {
      return await serveInBackground({ ...settings, config }, launcher, await serverFor(config, preloaded));
    }
    await preloaded?.dismiss();
    return await mountAsLauncher({ ...settings, config });
  });
}

/**
 * Asks the service to serve the mount, if the user requires that or wants it to be started. In all other
 * cases `bin/plyfs` has asked already.
 * @throws {@link MountError} if the service is required and does not serve the mount
 */
async function isServed(settings: MountSettings, { foreground }: MountArguments): Promise<boolean> {
  const { service, config } = settings;
  if (service !== 'required' && service !== 'start') return false;
  const asked =
    foreground || config.debug
      ? { kind: 'alone' as const, why: 'the mount stays in the foreground' }
      : await (await import('../../service/client/mount-by-service.js')).mountByService(
          settings,
          service,
          printMessage,
        );
  if (asked.kind === 'mounted') return true;
  if (service === 'start') return false;
  throw MountError.of({ what: 'service', why: `required, but ${asked.why}`, advice: 'see plyfs serve --status' });
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
 * Finds the layers that Docker keeps. Nothing else in this file needs native system calls. So their module is
 * imported only when this function runs: the server's thread then loads the native library first.
 */
async function layersOf({ directory, layer }: DockerArguments): Promise<DockerLayers> {
  const { findDockerLayers } = await import('../../store/docker/docker-layers.js');
  return findDockerLayers(directory, layer);
}
