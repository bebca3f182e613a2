/** Messages between the main thread of the service and its other threads. */
import type { MessagePort } from 'node:worker_threads';
import type { MountConfig } from '../../server/config/mount-config.js';
import type { CallerPlace } from '../../sys/process/namespaces.js';
import type { MountArguments } from '../order/mount-arguments.js';
import type { MountSettings } from '../order/mount-settings.js';

/** The reason why a mount was refused, or has failed. */
export interface Refusal {
  readonly message: string;
  readonly errno: number | undefined;
}

/** Identifies a mount in all mount namespaces. */
export interface MountLocation {
  /** The inode number of the mount namespace in which it was made. Undefined: the service's own. */
  readonly namespace: number | undefined;
  /** `major:minor` of its file system. No other file system has it while the server has the device open. */
  readonly device: string;
  readonly mountpoint: string;
}

/** The data with which a pool thread starts. */
export interface PoolThreadData {
  /** The orders. The thread reads them when its control fd is readable. */
  readonly orders: MessagePort;
  /** An eventfd, readable if there are orders. The main thread closes it. */
  readonly controlFd: number;
  /** The memory of the `FdPool` that all mounts of the process share. */
  readonly fds: SharedArrayBuffer;
  /** The thread warms up with this config before its first mount. Undefined: it does not. */
  readonly warmUp: MountConfig | undefined;
}

/** An order to a pool thread. */
export type PoolOrder =
  /**
   * `place` stays the main thread's. The thread owns `config.deviceFd`, unless it reports `later`, which it
   * does not after the last try.
   */
  | {
      readonly kind: 'mount';
      readonly id: number;
      readonly config: MountConfig;
      readonly place: CallerPlace;
      readonly isLastTry: boolean;
    }
  /** Ends the service of a mount, which has been unmounted or detached before. */
  | { readonly kind: 'stop'; readonly id: number }
  | { readonly kind: 'statistics' }
  /** The number of mounts has changed that share the fds of the process. */
  | { readonly kind: 'adjust-fds' }
  /** Ends the thread. It has no mount. */
  | { readonly kind: 'end' };

/** The part of a mount's status that only its thread knows. */
export interface MountStatistics {
  readonly id: number;
  readonly requests: number;
  readonly nodes: number;
  /** An estimate in bytes: the part of the thread's heap that corresponds to its nodes. */
  readonly memory: number;
}

/** A report of a pool thread. */
export type PoolReport =
  /** The thread has loaded its modules. `activity` is for `readActivity`. */
  | { readonly kind: 'started'; readonly activity: SharedArrayBuffer; readonly threadId: number }
  /** The end of the warm-up, and why it has failed. */
  | { readonly kind: 'warm'; readonly failure: string | undefined }
  /**
   * The mount exists. If the thread dies before it reports `released`, the main thread closes the device, and
   * unmounts. `mount` is undefined if the mount namespace of the caller does not show the mount.
   */
  | { readonly kind: 'device'; readonly id: number; readonly fd: number; readonly mount: MountedReport | undefined }
  /** The thread closes the device now. */
  | { readonly kind: 'released'; readonly id: number }
  | { readonly kind: 'ready'; readonly id: number }
  | ({ readonly kind: 'refused'; readonly id: number } & Refusal)
  /**
   * The server of an earlier mount is still ending. The order can be given again for `waitMs` milliseconds.
   */
  | { readonly kind: 'later'; readonly id: number; readonly waitMs: number }
  | { readonly kind: 'log'; readonly id: number; readonly line: string }
  /** The thread has closed the device and the layers. With an error: the mount may still exist. */
  | { readonly kind: 'ended'; readonly id: number; readonly error: Refusal | undefined }
  | { readonly kind: 'statistics'; readonly mounts: readonly MountStatistics[] };

export interface MountedReport extends MountLocation {
  /** Its id in mountinfo. */
  readonly mountId: number;
}

/** An order to a checking thread. It gets one at a time. */
export type CheckOrder =
  | {
      readonly kind: 'check';
      readonly id: number;
      readonly what: MountArguments | MountSettings;
      readonly place: CallerPlace;
      readonly deviceFd: number | undefined;
      /** Whether lines go to the log of the mount when it is ready, so that the log must be opened. */
      readonly opensLog: boolean;
    }
  | { readonly kind: 'unmount'; readonly id: number; readonly where: MountLocation; readonly lazy: boolean };

/** A report of a checking thread. All but `started` and `line` are the answer to the order. */
export type CheckReport =
  | { readonly kind: 'started' }
  | { readonly kind: 'line'; readonly id: number; readonly line: string }
  | ({ readonly kind: 'checked'; readonly id: number } & CheckedMount)
  | ({ readonly kind: 'refused'; readonly id: number } & Refusal)
  | { readonly kind: 'unmounted'; readonly id: number; readonly outcome: UnmountOutcome };

/** `absent`: the mount is not there any more. `hidden`: another mount on the same directory hides it. */
export type UnmountOutcome = 'unmounted' | 'absent' | 'hidden';

/** A mount whose layers and mountpoint have been checked. */
export interface CheckedMount {
  readonly config: MountConfig;
  /** The open log file; undefined: lines go to syslog. */
  readonly logFd: number | undefined;
  /** All layers and the mountpoint are on file systems that do not wait for another server. */
  readonly isLocal: boolean;
}
