/** One mount of a pool thread, from opening the layers to closing them. */
import { displayName } from '../../core/entry-name.js';
import { Errno } from '../../core/errno.js';
import { FileStat } from '../../core/file-stat.js';
import { readActivity, type ServingLoop, type Session } from '../../fuse/index.js';
import type { Operations } from '../../fuse/operations.js';
import type { MountConfig } from '../../server/config/mount-config.js';
import { asMountError, errnoOf } from '../../server/config/mount-error.js';
import { limitLines } from '../../server/serving/log-limit.js';
import { detach, mountSession, prepareMount } from '../../server/serving/mount-session.js';
import { openLayers, type SharedParts, StillEnding } from '../../server/serving/open-layers.js';
import { close } from '../../sys/files/open.js';
import { statFd } from '../../sys/files/stat.js';
import { type MountEntry, mountedOn } from '../../sys/mountinfo.js';
import { type CallerPlace, LostPlaceError, type ThreadHome } from '../../sys/process/namespaces.js';
import type { MountedReport, PoolOrder, PoolReport, Refusal } from './pool-message.js';

type ThreadMountOrder = Extract<PoolOrder, { kind: 'mount' }>;

/** Shared by all mounts of a thread. */
export interface ThreadParts {
  readonly loop: ServingLoop;
  readonly home: ThreadHome;
  readonly shared: SharedParts;
  readonly report: (message: PoolReport) => void;
}

const stat = new FileStat();

export class ThreadMount {
  private constructor(
    readonly id: number,
    readonly operations: Operations,
    readonly session: Session,
  ) {}

  /**
   * Mounts in the place of the caller, and adds the session to the loop. Reports `ready`, `refused` or
   * `later`; without `ready` nothing stays mounted or open.
   * @param ended called when the mount has ended by itself
   * @returns undefined if there is no mount
   * @throws LostPlaceError if the thread must end
   */
  static make(
    order: ThreadMountOrder,
    parts: ThreadParts,
    ended: (mount: ThreadMount) => void,
  ): ThreadMount | undefined {
    const { id, config } = order;
    const { report } = parts;
    const log = limitLines((line) => report({ kind: 'log', id, line }));
    let isDeviceTaken = false;
    const taken = (): void => {
      isDeviceTaken = true;
    };
    try {
      const { operations, session, entry } = mountIn(order, parts, log, taken);
      const mount = new ThreadMount(id, operations, session);
      mount.addTo(order, parts, (error) => {
        ended(mount);
        report({ kind: 'ended', id, error: error === undefined ? undefined : refusalOf(error, config, log) });
      });
      if (entry !== undefined) prepareMount(entry, operations);
      report({ kind: 'ready', id });
      return mount;
    } catch (error) {
      if (error instanceof LostPlaceError) throw error;
      if (error instanceof StillEnding) {
        report({ kind: 'later', id, waitMs: error.waitMs });
        return undefined;
      }
      if (config.deviceFd !== undefined && !isDeviceTaken) {
        // Otherwise users of the mount that the caller has made would wait forever.
        report({ kind: 'released', id });
        close(config.deviceFd);
      }
      report({ kind: 'refused', id, ...refusalOf(error, config, log) });
      return undefined;
    }
  }

  /** Adds the session to the loop. After a failure nothing stays mounted or open. */
  private addTo(
    { config, place }: ThreadMountOrder,
    { loop, home }: ThreadParts,
    ended: (error: Error | undefined) => void,
  ): void {
    try {
      loop.add(this.session, ended);
    } catch (error) {
      this.session.close();
      home.enter(place, () => detach(config));
      throw error;
    }
  }

  get requests(): number {
    return readActivity(this.session.activity.shared).done;
  }

  /** Closes the mount. It has been unmounted or detached before. */
  stop({ loop, report }: ThreadParts): void {
    let error: Refusal | undefined;
    try {
      loop.remove(this.session);
    } catch (failure) {
      const { message, errno } = asMountError(failure, 'server');
      error = { message, errno };
    }
    report({ kind: 'ended', id: this.id, error });
  }
}

interface Mounted {
  readonly operations: Operations;
  readonly session: Session;
  readonly entry: MountEntry | undefined;
}

/**
 * Opens the layers and mounts in the place of the caller.
 * @param taken called when the session owns the device, also one that the caller has given
 */
function mountIn(
  { id, config, place, isLastTry }: ThreadMountOrder,
  { loop, home, shared, report }: ThreadParts,
  log: (line: string) => void,
  taken: () => void,
): Mounted {
  // The modes of what the server creates are computed with the umask of each request.
  return home.enter({ ...place, umask: 0 }, () => {
    // The thread must not wait for another server: it serves other mounts.
    const operations = openLayers(config, log, { ...shared, whileEnding: isLastTry ? 'give up' : 'throw' });
    let entry: MountEntry | undefined;
    let failure: unknown;
    const session = mountSession(config, operations, loop.memory, {
      mounted: (fd) => {
        taken();
        try {
          entry = entryOf(config.mountpoint);
        } catch (error) {
          failure = error;
        }
        report({ kind: 'device', id, fd, mount: entry === undefined ? undefined : locationOf(entry, place) });
      },
      released: () => report({ kind: 'released', id }),
      log,
      debug: log,
    });
    // A mount whose place is not known could not be unmounted.
    if (failure !== undefined) {
      session.close();
      detach(config);
      throw failure;
    }
    return { operations, session, entry };
  });
}

/**
 * The entry in mountinfo, as this place shows it. Undefined: it does not show the mount, or there is no
 * /proc.
 */
function entryOf(mountpoint: string): MountEntry | undefined {
  try {
    return mountedOn(mountpoint);
  } catch (error) {
    if (errnoOf(error) !== Errno.ENOENT) throw error;
    return undefined;
  }
}

function locationOf({ id, device, mountpoint }: MountEntry, { mountNamespace }: CallerPlace): MountedReport {
  return {
    mountId: id,
    device,
    mountpoint,
    namespace: mountNamespace === undefined ? undefined : inode(mountNamespace),
  };
}

function inode(fd: number): number {
  statFd(fd, stat);
  return stat.ino;
}

/** The reason of a failure. The stack of an unexpected error is logged. */
function refusalOf(error: unknown, config: MountConfig, log: (line: string) => void): Refusal {
  const { message, errno, cause } = asMountError(error, displayName(config.mountpoint));
  if (cause instanceof Error) log(cause.stack ?? cause.message);
  return { message, errno };
}
