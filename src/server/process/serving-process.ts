/**
 * The process that serves one mount through fuse-native, from opening the layers to closing them. It sends
 * ServerMessages to the process that has started it, and receives two messages: a MountConfig, and later
 * perhaps that the mount was detached and this process must end. It ends when the mount is unmounted. If the
 * process that has started it ends, it unmounts and ends.
 */
import { displayName } from '../../core/entry-name.js';
import { Libfuse2Session, unmount } from '../../fuse/index.js';
import { mountedOn } from '../../sys/mountinfo.js';
import { isReadOnly, type MountConfig } from '../config/mount-config.js';
import { asMountError } from '../config/mount-error.js';
import { mountRequestOf } from '../config/to-mount-request.js';
import { limitLines } from '../serving/log-limit.js';
import { openLayers } from '../serving/open-layers.js';
import { reportMounted } from '../serving/report-mounted.js';
import type { ServerMessage } from '../serving/server.js';
import { onStopSignals } from './stop-signals.js';

/** Sends a message. Resolves when the other process has received it, or has ended. */
function post(message: ServerMessage): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, () => resolve());
  });
}

function postLine(line: string): void {
  void post({ kind: 'log', line });
}

const log = limitLines(postLine);

/** Opens the layers, and mounts. After a failure nothing stays open. */
async function open(config: MountConfig): Promise<Libfuse2Session> {
  const operations = openLayers(config, log);
  const session = new Libfuse2Session(operations, {
    timeout: config.timeout,
    requestTimeout: config.requestTimeout,
    writable: !isReadOnly(config),
    log,
    ...(config.debug ? { debug: postLine } : {}),
  });
  try {
    await session.mount(mountRequestOf(config));
    // The mount table does not show the mount if the caller has made it in another mount namespace.
    const device = mountedOn(config.mountpoint)?.device;
    if (device !== undefined) reportMounted(device, operations);
    return session;
  } catch (error) {
    await session.close();
    throw error;
  }
}

/**
 * Serves the mount until it is unmounted, a signal arrives, or the process that has started this one ends.
 */
async function serve(config: MountConfig): Promise<void> {
  process.title = `plyfs: serves ${displayName(config.mountpoint)}`;
  // The umask of each request is applied to its mode. The process does nothing else, so it needs no umask.
  process.umask(0);
  const detached = new Promise<'detached'>((resolve) => process.once('message', () => resolve('detached')));
  const stopped = new Promise<'stopped'>((resolve) => {
    onStopSignals(() => resolve('stopped'));
    process.once('disconnect', () => resolve('stopped'));
  });
  const session = await open(config);
  const mountId = mountedOn(config.mountpoint)?.id;
  // All layers are open, so the working directory is not needed any more and can be unmounted.
  process.chdir('/');
  await post({ kind: 'mounted' });
  await post({ kind: 'ready' });
  const end = await Promise.race([session.ended, detached, stopped]);
  // In the other cases it has been unmounted, and another mount on the same directory can have its id by now.
  if (end === 'stopped' && mountId !== undefined && mountedOn(config.mountpoint)?.id === mountId) {
    unmount(config.mountpoint, { lazy: true });
  }
  await session.close();
}

process.once('message', async (config: MountConfig) => {
  try {
    await serve(config);
  } catch (error) {
    const refused = asMountError(error, displayName(config.mountpoint));
    await post({ kind: 'refused', message: refused.message, errno: refused.errno });
    if (refused.cause instanceof Error) log(refused.cause.stack ?? refused.cause.message);
  }
  // The threads of libfuse and the event-loop handles of fuse-native would keep the process alive.
  process.exit(0);
});
