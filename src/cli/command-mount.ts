/** `plyfs mount`. */
import { checkConfig } from '../server/check-config.js';
import { defaultConfig } from '../server/mount-config.js';
import { MountError } from '../server/mount-error.js';
import type { DockerLayers } from '../store/docker.js';
import { StoreError } from '../store/store-error.js';
import { takeAufsOptions } from './aufs-options.js';
import type { MountArguments } from './command-line.js';
import type { DaemonProcess } from './daemon-process.js';
import { applyDocker, type DockerArguments } from './docker-arguments.js';
import { FAILURE, OK } from './exit-status.js';
import { say, warnUnknownOption } from './message.js';
import { applyOptions } from './mount-options.js';
import type { MountSettings } from './option-kinds.js';
import { splitOptions } from './option-list.js';

/** @param daemon gives the one that serves the mount, unless it stays in the foreground */
export async function commandMount(args: MountArguments, daemon: () => DaemonProcess): Promise<number> {
  try {
    const settings = await settingsOf(args);
    const config = checkConfig(settings.config);
    if (args.foreground || config.debug) {
      // Serving brings modules with it that only this needs.
      const { serveInForeground } = await import('./foreground.js');
      return await serveInForeground(config);
    }
    return await mountInBackground({ ...settings, config }, daemon());
  } catch (error) {
    const refusal = error instanceof StoreError ? MountError.of(error.problem) : error;
    if (!(refusal instanceof MountError)) throw refusal;
    say(refusal.message);
    return FAILURE;
  }
}

async function mountInBackground({ config, logFile }: MountSettings, daemon: DaemonProcess): Promise<number> {
  const answer = await daemon.start({ config, ...(logFile === undefined ? {} : { logFile }) }, say);
  switch (answer.kind) {
    case 'ready':
      return OK;
    case 'refused':
      throw new MountError(answer.message);
    case 'ended':
      throw MountError.of({ what: 'daemon', why: `ended before the mount was ready (${answer.why})` });
  }
}

/** What the command line says, over the defaults of the user who runs it. Unknown options are named on stderr. */
async function settingsOf(args: MountArguments): Promise<MountSettings> {
  const config = defaultConfig(process.geteuid?.() === 0);
  config.mountpoint = args.mountpoint;
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
  applyOptions(options, settings).forEach(warnUnknownOption);
  if (docker !== null) applyDocker(docker.args, docker.layers, config);
  if (args.debug) config.debug = true;
  return settings;
}

/** Looking for them needs system calls, which other mounts in the background leave to the daemon. */
async function layersOf(args: DockerArguments): Promise<{ args: DockerArguments; layers: DockerLayers }> {
  const { findDockerLayers } = await import('../store/docker.js');
  return { args, layers: findDockerLayers(args.directory, args.layer) };
}
