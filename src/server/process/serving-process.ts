/**
 * The process that serves one mount through fuse-native, from opening the layers to closing them. What it is
 * told is one MountConfig, and at last that the mount was detached and it is to end; what it tells are
 * ServerMessages. It ends with the mount, and the mount with whoever started it.
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

/** Resolves when the other side has it, or is gone. */
function post(message: ServerMessage): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, () => resolve());
  });
}

function say(line: string): void {
  void post({ kind: 'log', line });
}

const log = limitLines(say);

async function open(config: MountConfig): Promise<Libfuse2Session> {
  const operations = openLayers(config, log);
  const session = new Libfuse2Session(operations, {
    timeout: config.timeout,
    requestTimeout: config.requestTimeout,
    writable: !isReadOnly(config),
    log,
    ...(config.debug ? { debug: say } : {}),
  });
  try {
    await session.mount(mountRequestOf(config));
    reportMounted(config.mountpoint, operations);
    return session;
  } catch (error) {
    await session.close();
    throw error;
  }
}

/** Returns when the mount is gone, or when the process that started us is, or a signal says so. */
async function serve(config: MountConfig): Promise<void> {
  process.title = `plyfs: serves ${displayName(config.mountpoint)}`;
  // Modes are computed for each request. The process is ours alone.
  process.umask(0);
  const told = new Promise<'detached'>((resolve) => process.once('message', () => resolve('detached')));
  const stopped = new Promise<'stopped'>((resolve) => {
    onStopSignals(() => resolve('stopped'));
    process.once('disconnect', () => resolve('stopped'));
  });
  const session = await open(config);
  const mountId = mountedOn(config.mountpoint)?.id;
  // Every layer is open: the directory that the command was started in need not stay busy.
  process.chdir('/');
  await post({ kind: 'mounted' });
  await post({ kind: 'ready' });
  const end = await Promise.race([session.ended, told, stopped]);
  // Not where the mount is known to be gone: its id can be another's by now, mounted in its place.
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
  // libfuse's threads, and fuse-native's handles on the event loop, would keep the process.
  process.exit(0);
});
