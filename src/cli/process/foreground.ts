/** Serves a mount in the process of the command line. */
import type { MountConfig } from '../../server/config/mount-config.js';
import { onStopSignals, stopForGood } from '../../server/process/stop-signals.js';
import { ServedMount } from '../../server/served-mount.js';
import type { Server } from '../../server/serving/server.js';
import { OK } from '../output/exit-status.js';
import { printMessage } from '../output/message.js';

/**
 * Mounts, and serves until the mount ends. Resolves with the exit status. Throws `MountError` if the mount
 * cannot be made.
 */
export async function serveInForeground(config: MountConfig, server: Server): Promise<number> {
  let mount: ServedMount | undefined;
  let stopped = false;
  onStopSignals(() => {
    stopped = true;
    if (mount !== undefined) stopForGood(mount);
  });
  mount = await ServedMount.start(config, printMessage, server);
  if (stopped) await stopForGood(mount);
  await mount.closed;
  return OK;
}
