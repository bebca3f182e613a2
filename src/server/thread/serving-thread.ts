/**
 * The thread that serves one mount, from opening the layers to closing them. While it serves, it needs
 * nothing from the thread that has started it: that thread may itself wait for an answer from this mount.
 */
import { parentPort } from 'node:worker_threads';
import { displayName } from '../../core/entry-name.js';
import { ServingLoop, type Session } from '../../fuse/index.js';
import type { Operations } from '../../fuse/operations.js';
import { close } from '../../sys/files/open.js';
import { changeDirectory } from '../../sys/files/working-directory.js';
import { mountedOn } from '../../sys/mountinfo.js';
import { ownUmask } from '../../sys/process/thread.js';
import { openEventfd } from '../../sys/waiting/eventfd.js';
import type { MountConfig } from '../config/mount-config.js';
import { asMountError } from '../config/mount-error.js';
import { limitLines } from '../serving/log-limit.js';
import { detach, mountSession, prepareMount } from '../serving/mount-session.js';
import { openLayers } from '../serving/open-layers.js';
import type { ThreadMessage } from './thread-message.js';

function post(message: ThreadMessage): void {
  parentPort?.postMessage(message);
}

function postLine(line: string): void {
  post({ kind: 'log', line });
}

const log = limitLines(postLine);

/** Serves until the mount ends. The loop closes the device and the operations, also after an error. */
function run(config: MountConfig, session: Session, loop: ServingLoop): void {
  try {
    loop.runAlone(session);
  } catch (error) {
    detach(config);
    throw error;
  }
}

/** Opens the layers, mounts, and serves until the mount ends. */
function serve(config: MountConfig): void {
  ownUmask();
  const operations = openLayers(config, log);
  const controlFd = openEventfd();
  const loop = new ServingLoop({ controlFd, onControl: () => loop.stop() });
  const session = mountOrClose(config, operations, controlFd, loop);
  // All layers are open, so the working directory is not needed any more and can be unmounted.
  changeDirectory('/');
  // The mount table does not show the mount if the caller has made it in another mount namespace.
  const entry = mountedOn(config.mountpoint);
  if (entry !== undefined) prepareMount(entry, operations);
  post({ kind: 'ready' });
  run(config, session, loop);
}

/**
 * Makes the mount and its session. After a failure nothing stays mounted or open.
 * @param loop the one that `controlFd` stops
 */
function mountOrClose(config: MountConfig, operations: Operations, controlFd: number, loop: ServingLoop): Session {
  let isOurs = true;
  try {
    return mountSession(config, operations, loop.memory, {
      mounted: (deviceFd) => {
        post({ kind: 'mounted', deviceFd, controlFd });
        isOurs = false;
      },
      released: () => post({ kind: 'released' }),
      log,
      debug: postLine,
    });
  } catch (error) {
    loop.close();
    if (isOurs) close(controlFd);
    throw error;
  }
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
