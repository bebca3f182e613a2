/**
 * The thread that serves one mount, from opening the layers to closing them. While it serves, it needs
 * nothing from the thread that has started it: that thread may itself wait for an answer from this mount.
 */
import { parentPort } from 'node:worker_threads';
import { displayName } from '../../core/entry-name.js';
import {
  mountDirect,
  mountWithHelper,
  prepareMountedDevice,
  raiseReadahead,
  Session,
  unmount,
} from '../../fuse/index.js';
import type { Operations } from '../../fuse/operations.js';
import { close } from '../../sys/files/open.js';
import { changeDirectory } from '../../sys/files/working-directory.js';
import { ownUmask } from '../../sys/process/thread.js';
import { openEventfd } from '../../sys/waiting/eventfd.js';
import { isReadOnly, type MountConfig } from '../config/mount-config.js';
import { asMountError } from '../config/mount-error.js';
import { mountRequestOf } from '../config/to-mount-request.js';
import { limitLines } from '../serving/log-limit.js';
import { openLayers } from '../serving/open-layers.js';
import { reportMounted } from '../serving/report-mounted.js';
import type { ThreadMessage } from './thread-message.js';

function post(message: ThreadMessage): void {
  parentPort?.postMessage(message);
}

function postLine(line: string): void {
  post({ kind: 'log', line });
}

const log = limitLines(postLine);

/**
 * Mounts, unless the caller has mounted already. Root (also of a user namespace) calls mount(2) itself; other
 * users mount with the set-uid helper. Returns the fd of the FUSE device.
 */
function mount(config: MountConfig): number {
  if (config.deviceFd !== undefined) return prepareMountedDevice(config.deviceFd);
  const direct = process.geteuid?.() === 0;
  return (direct ? mountDirect : mountWithHelper)(mountRequestOf(config));
}

/** Mounts, and returns the fd of the FUSE device. After a failure nothing stays open. */
function mountOrClose(config: MountConfig, operations: Operations, controlFd: number): number {
  try {
    const deviceFd = mount(config);
    post({ kind: 'mounted', deviceFd, controlFd });
    return deviceFd;
  } catch (error) {
    close(controlFd);
    operations.close();
    throw error;
  }
}

/** Starts a session and does its handshake with the kernel. After a failure nothing stays mounted or open. */
function connect(config: MountConfig, operations: Operations, deviceFd: number): Session {
  try {
    const session = new Session(deviceFd, operations, {
      timeout: config.timeout,
      passthrough: config.passthrough,
      writable: !isReadOnly(config),
      cachesListings: config.accessTimes.mode !== 'strictatime' || !config.accessTimes.directories,
      log,
      ...(config.debug ? { debug: postLine } : {}),
    });
    session.handshake();
    return session;
  } catch (error) {
    close(deviceFd);
    post({ kind: 'released' });
    operations.close();
    detach(config);
    throw error;
  }
}

/** Unmounts after a failure, unless the caller has made the mount. */
function detach({ mountpoint, deviceFd }: MountConfig): void {
  if (deviceFd === undefined) unmount(mountpoint, { lazy: true });
}

/** Serves until the mount ends. The session closes the device and the operations, also after an error. */
function run(config: MountConfig, session: Session, controlFd: number): void {
  try {
    session.run(controlFd);
    post({ kind: 'released' });
  } catch (error) {
    post({ kind: 'released' });
    detach(config);
    throw error;
  }
}

/** Opens the layers, mounts, and serves until the mount ends. */
function serve(config: MountConfig): void {
  ownUmask();
  const operations = openLayers(config, log);
  const controlFd = openEventfd();
  const session = connect(config, operations, mountOrClose(config, operations, controlFd));
  // All layers are open, so the working directory is not needed any more and can be unmounted.
  changeDirectory('/');
  raiseReadahead(config.mountpoint);
  reportMounted(config.mountpoint, operations);
  post({ kind: 'ready' });
  run(config, session, controlFd);
}

parentPort?.once('message', (config: MountConfig | null) => {
  if (config === null) return;
  try {
    serve(config);
  } catch (error) {
    const refused = asMountError(error, displayName(config.mountpoint));
    post({ kind: 'refused', message: refused.message, errno: refused.errno });
    if (refused.cause instanceof Error) log(refused.cause.stack ?? refused.cause.message);
  }
});
