/** Serving a mount in the background: this process becomes its daemon. */

import { Errno } from '../../core/errno.js';
import { asMountError, errnoOf, printable } from '../../server/config/mount-error.js';
import { onStopSignals, stopForGood } from '../../server/process/stop-signals.js';
import { ServedMount } from '../../server/served-mount.js';
import { openLogSink } from '../../server/serving/log-sink.js';
import type { Server } from '../../server/serving/server.js';
import { FAILURE, OK } from '../output/exit-status.js';
import { say } from '../output/message.js';
import type { Launcher } from './launcher.js';
import type { MountSettings } from './mount-settings.js';

/**
 * Returns when the mount is gone, with the exit status; the launcher has its answer when the mount answers.
 * Throws `MountError` if there never was one.
 */
export async function serveInBackground(
  { config, logFile }: MountSettings,
  launcher: Launcher,
  server: Server,
): Promise<number> {
  process.title = `plyfs ${printable(config.mountpoint)}`;
  const sink = openLogSink(logFile);
  // Whatever the mount has to say until then, the caller hears.
  let log = say;
  let stopped = false;
  let mount: ServedMount | undefined;
  onStopSignals(() => {
    stopped = true;
    if (mount !== undefined) stopForGood(mount);
  });
  if (!launcher.waits) return FAILURE; // Killed already: nothing is to be mounted.
  mount = await ServedMount.start(config, (line) => log(line), server);
  if (stopped) {
    await stopForGood(mount);
    say('stopped by a signal');
    return FAILURE;
  }
  log = sink;
  try {
    await launcher.release({ keeping: config.deviceFd });
  } catch (error) {
    await stopForGood(mount);
    // EPIPE: whoever asked for the mount was killed while waiting, and does not want it any more.
    if (errnoOf(error) !== Errno.EPIPE) throw asMountError(error, 'daemon');
  }
  try {
    await mount.closed;
    return OK;
  } catch (error) {
    log(asMountError(error, 'server').message);
    return FAILURE;
  }
}
