/** `plyfs mount`. */

import { checkConfig } from '../server/check-config.js';
import { defaultConfig } from '../server/mount-config.js';
import { MountError } from '../server/mount-error.js';
import type { MountArguments } from './command-line.js';
import { FAILURE } from './exit-status.js';
import { say, warnUnknownOption } from './message.js';
import { applyOptions, type MountSettings } from './mount-options.js';
import { splitOptions } from './option-list.js';

export async function commandMount(args: MountArguments): Promise<number> {
  try {
    const { config, logFile } = settingsOf(args);
    const checked = checkConfig(config);
    // Each way of serving brings its own modules; only one is needed.
    if (args.foreground || config.debug) {
      const { serveInForeground } = await import('./foreground.js');
      return await serveInForeground(checked);
    }
    const { startDaemon } = await import('./start-daemon.js');
    return await startDaemon({ config: checked, ...(logFile === undefined ? {} : { logFile }) });
  } catch (error) {
    if (!(error instanceof MountError)) throw error;
    say(error.message);
    return FAILURE;
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
