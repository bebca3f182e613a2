/** `plyfs mount`. */
import { checkConfig } from '../server/check-config.js';
import { defaultConfig } from '../server/mount-config.js';
import { MountError } from '../server/mount-error.js';
import type { MountArguments } from './command-line.js';
import type { DaemonProcess } from './daemon-process.js';
import { FAILURE, OK } from './exit-status.js';
import { say, warnUnknownOption } from './message.js';
import { applyOptions, type MountSettings } from './mount-options.js';
import { splitOptions } from './option-list.js';

/** @param daemon gives the one that serves the mount, unless it stays in the foreground */
export async function commandMount(args: MountArguments, daemon: () => DaemonProcess): Promise<number> {
  try {
    const settings = settingsOf(args);
    const config = checkConfig(settings.config);
    if (args.foreground || config.debug) {
      // Serving brings modules with it that only this needs.
      const { serveInForeground } = await import('./foreground.js');
      return await serveInForeground(config);
    }
    return await mountInBackground({ ...settings, config }, daemon());
  } catch (error) {
    if (!(error instanceof MountError)) throw error;
    say(error.message);
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
function settingsOf(args: MountArguments): MountSettings {
  const config = defaultConfig(process.geteuid?.() === 0);
  config.mountpoint = args.mountpoint;
  if (args.source !== undefined) config.fsname = args.source;
  const settings: MountSettings = { config };
  applyOptions(args.options.flatMap(splitOptions), settings).forEach(warnUnknownOption);
  if (args.debug) config.debug = true;
  return settings;
}
