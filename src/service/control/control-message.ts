/** Messages over the control socket: one JSON object in each line. */
import type { MountConfig } from '../../server/config/mount-config.js';
import type { MountStatus, ThreadStatus } from '../order/mount-order.js';

/** A request of a client. */
export type ControlRequest =
  | { readonly do: 'status' }
  /** End the service when all mounts are unmounted; with `lazy`, detach them now. */
  | { readonly do: 'stop'; readonly lazy: boolean }
  | {
      readonly do: 'mount';
      readonly config: MountConfig;
      readonly logFile?: string;
      /** `connection`: the mount ends when the connection does. `mount`: when it is unmounted. */
      readonly lifetime: 'connection' | 'mount';
    }
  /** Make the mount: the client will not serve it itself. The service mounts only after this request. */
  | { readonly do: 'go' }
  /** Unmount the mount of this connection. */
  | { readonly do: 'unmount'; readonly lazy: boolean };

/** The answer to `status`. */
export interface ServiceStatus {
  readonly supervisor: { readonly pid: number };
  readonly server: { readonly pid: number; readonly threads: readonly ThreadStatus[]; readonly rss: number };
  readonly mounts: readonly MountStatus[];
  /** How many mounts the server process has made since its start. */
  readonly served: number;
}

/** The answers to `stop`. */
export type StopAnswer =
  /** It waits until these mountpoints are unmounted. */
  | { readonly kind: 'waiting'; readonly mountpoints: readonly string[] }
  /** It ends now. */
  | { readonly kind: 'ending' };

/** The answers to `mount` and `unmount`. */
export type MountAnswer =
  /** The client must serve the mount itself. */
  | { readonly kind: 'alone'; readonly why: string }
  | { readonly kind: 'refused'; readonly message: string; readonly errno?: number }
  /** The service takes the mount, and waits for `go`. */
  | { readonly kind: 'taken' }
  | { readonly kind: 'ready' }
  | { readonly kind: 'log'; readonly line: string }
  | { readonly kind: 'ended'; readonly error?: string }
  /** The mount stays, because it is in use. */
  | { readonly kind: 'busy'; readonly message: string; readonly errno?: number };

/** The request was not understood. */
export interface WrongRequest {
  readonly kind: 'wrong';
  readonly message: string;
}
