/** Makes a mount and its session: for a thread that serves only this mount, and for one that serves many. */
import {
  Device,
  type MessageMemory,
  mountDirect,
  mountWithHelper,
  prepareMountedDevice,
  raiseReadaheadOf,
  Session,
  type SessionOptions,
  unmount,
} from '../../fuse/index.js';
import type { Operations } from '../../fuse/operations.js';
import { close } from '../../sys/files/open.js';
import type { MountEntry } from '../../sys/mountinfo.js';
import { isReadOnly, type MountConfig } from '../config/mount-config.js';
import { mountRequestOf } from '../config/to-mount-request.js';
import { reportMounted } from './report-mounted.js';

/** The steps of a mount, as its thread sees them. */
export interface MountSteps {
  /**
   * The mount exists. If the thread dies, another one must close the device: its users would wait forever.
   */
  mounted(deviceFd: number): void;
  /**
   * Called before this thread closes the device, not after: if it died in between, the other thread would
   * close a number that can have become that of another file.
   */
  released(): void;
  log(line: string): void;
  /** Receives a line for each request, if the config asks for it. */
  debug(line: string): void;
}

/**
 * Mounts, and does the handshake with the kernel. After a failure nothing stays mounted or open.
 * @param operations this function owns it
 * @param memory that of the thread's loop
 */
export function mountSession(
  config: MountConfig,
  operations: Operations,
  memory: MessageMemory,
  steps: MountSteps,
): Session {
  return connect(config, operations, memory, mountOrClose(config, operations, steps), steps);
}

/** Unmounts after a failure, unless the caller has made the mount. */
export function detach({ mountpoint, deviceFd }: MountConfig): void {
  if (deviceFd === undefined) unmount(mountpoint, { lazy: true });
}

/** Prepares a mount for its first use, after the handshake. Does not access the mount. */
export function prepareMount({ device }: Pick<MountEntry, 'device'>, operations: Operations): void {
  raiseReadaheadOf(device);
  reportMounted(device, operations);
}

/**
 * Mounts, unless the caller has mounted already. Root (also of a user namespace) calls mount(2) itself; other
 * users mount with the set-uid helper. Returns the fd of the FUSE device.
 */
function mount(config: MountConfig): number {
  if (config.deviceFd !== undefined) return prepareMountedDevice(config.deviceFd);
  const direct = process.geteuid?.() === 0;
  return (direct ? mountDirect : mountWithHelper)(mountRequestOf(config));
}

function mountOrClose(config: MountConfig, operations: Operations, { mounted }: MountSteps): number {
  try {
    const deviceFd = mount(config);
    mounted(deviceFd);
    return deviceFd;
  } catch (error) {
    operations.close();
    throw error;
  }
}

export function sessionOptions(
  config: MountConfig,
  { log, debug, released }: Omit<MountSteps, 'mounted'>,
): SessionOptions {
  return {
    timeout: config.timeout,
    passthrough: config.passthrough,
    writable: !isReadOnly(config),
    cachesListings: config.accessTimes.mode !== 'strictatime' || !config.accessTimes.directories,
    log,
    closing: released,
    ...(config.debug ? { debug } : {}),
  };
}

function connect(
  config: MountConfig,
  operations: Operations,
  memory: MessageMemory,
  deviceFd: number,
  steps: MountSteps,
): Session {
  const { log, released } = steps;
  try {
    const device = new Device(deviceFd, log, memory.store);
    const session = new Session(device, operations, sessionOptions(config, steps), memory);
    session.handshake();
    return session;
  } catch (error) {
    released();
    close(deviceFd);
    operations.close();
    detach(config);
    throw error;
  }
}
