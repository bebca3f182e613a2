/** Serves a mount in the background: this process becomes its daemon. */
import { Errno } from '../../core/errno.js';
import { asMountError, errnoOf, printable } from '../../server/config/mount-error.js';
import { onStopSignals, stopForGood } from '../../server/process/stop-signals.js';
import { ServedMount } from '../../server/served-mount.js';
import { openLogSink } from '../../server/serving/log-sink.js';
import type { Server } from '../../server/serving/server.js';
import type { MountSettings } from '../../service/order/mount-settings.js';
import { FAILURE, OK } from '../output/exit-status.js';
import { printMessage } from '../output/message.js';
import type { Launcher } from './launcher.js';

/**
 * Mounts, answers the launcher, and serves until the mount ends. Resolves with the exit status. Throws
 * `MountError` if the mount cannot be made.
 */
export async function serveInBackground(
  { config, logFile }: MountSettings,
  launcher: Launcher,
  server: Server,
): Promise<number> {
  process.title = `plyfs ${printable(config.mountpoint)}`;
  const sink = openLogSink(logFile);
  // Until the mount is ready, log lines are printed for the caller.
  let log = printMessage;
  let stopped = false;
  let mount: ServedMount | undefined;
  onStopSignals(() => {
    stopped = true;
    if (mount !== undefined) stopForGood(mount);
  });
  if (!launcher.waits) return FAILURE; // The launcher was killed: no caller waits for the mount.
  mount = await ServedMount.start(config, (line) => log(line), server);
  if (stopped) {
    await stopForGood(mount);
    printMessage('stopped by a signal');
    return FAILURE;
  }
  log = sink;
  try {
    await launcher.release({ keptFd: config.deviceFd });
  } catch (error) {
    await stopForGood(mount);
    // EPIPE: the launcher was killed while it waited, so no caller waits for the mount, which has ended now.
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
