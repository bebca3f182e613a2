/** Orders of the main thread of the service's server process to the threads that serve mounts. */
import type { CallerPlace } from '../../sys/process/namespaces.js';
import type { MountArguments } from './mount-arguments.js';
import type { MountSettings } from './mount-settings.js';

/** A mount that a caller asks for. */
export interface MountOrder {
  readonly id: number;
  /**
   * Relative paths begin in this place, and the mount appears there. {@link Mounts.mount} owns the fds from
   * the call on, and closes them also after a failure.
   */
  readonly place: CallerPlace;
  /** A command line, or the settings that the library has made of its options. */
  readonly what: MountArguments | MountSettings;
  /** The /dev/fuse of a mount that the caller has made itself. Owned as the fds of `place`. */
  readonly deviceFd?: number;
  /**
   * The receiver of lines after the mount is ready: the `log=` of the mount, or {@link MountEvents.line}.
   * Before that, all lines are for the caller.
   */
  readonly logs: 'sink' | 'line';
}

/**
 * Events of one mount, in this order: lines, `mounted`, then `ready` and later `ended`; or `refused`; or
 * `declined`.
 */
export interface MountEvents {
  /** A line for the caller, without the program's name. */
  line(text: string): void;
  /** The mount exists. The id is that of mountinfo, in the caller's mount namespace. */
  mounted(mountId: number): void;
  /** The mount can be used. */
  ready(): void;
  /** Nothing is mounted, and nothing follows. */
  refused(refusal: { readonly message: string; readonly errno: number | undefined }): void;
  /**
   * Nothing is mounted, and nothing follows: the service cannot serve it now. The caller can serve the mount
   * itself, without the lines that it has got so far.
   */
  declined(why: string): void;
  /** The mount has ended, and nothing follows. With an error: it has not been unmounted by a process. */
  ended(error?: string): void;
}

/** One mount, as `plyfs serve --status` shows it. */
export interface MountStatus {
  readonly id: number;
  readonly mountpoint: string;
  readonly options: string;
  /** The number of the thread that serves it. */
  readonly thread: number;
  /** Requests that were answered, nodes, and bytes of memory; null: its thread does not answer. */
  readonly requests: number | null;
  readonly nodes: number | null;
  readonly memory: number | null;
}

export interface ThreadStatus {
  readonly thread: number;
  /** `silent`: it has not answered within half a second. */
  readonly state: 'idle' | 'busy' | 'silent';
  readonly mounts: number;
}

export interface PoolStatus {
  readonly threads: readonly ThreadStatus[];
  readonly mounts: readonly MountStatus[];
}

/** All mounts of the server process. */
export interface Mounts {
  mount(order: MountOrder, events: MountEvents): void;
  /**
   * Unmounts. Rejects with `MountError` (EBUSY: in use). Resolves when the mount has ended, with `lazy` at
   * the latest when it has been detached. Resolves at once if the mount does not exist any more.
   */
  unmount(id: number, options: { readonly lazy: boolean }): Promise<void>;
  status(): Promise<PoolStatus>;
  /** Ends all mounts, also those in use: they are detached. Resolves when their layers are closed. */
  stopAll(): Promise<void>;
}
