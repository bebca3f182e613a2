import type { MountConfig } from '../config/mount-config.js';

/** A message of a server to the thread that has started it. */
export type ServerMessage =
  /** The mount exists, so it must be unmounted. */
  | { readonly kind: 'mounted' }
  /** The mount can be used. */
  | { readonly kind: 'ready' }
  /** A line for the log of the mount. */
  | { readonly kind: 'log'; readonly line: string }
  /** The mount cannot be made or served. The server will end. */
  | { readonly kind: 'refused'; readonly message: string; readonly errno: number | undefined };

/** The events of a server, handled in the thread that has started it. */
export interface ServerEvents {
  message(message: ServerMessage): void;
  /** The server has failed, and will end. */
  failed(error: Error): void;
  /** The server has ended. No other event follows. */
  ended(): void;
}

/** The system calls with which this thread ends a mount that another thread or process serves. */
export type Control = typeof import('./mount-control.js');

/**
 * A server of one mount: a thread of this process, or a process of its own. While it serves, it needs nothing
 * from the thread that has started it.
 */
export interface Server {
  /** Mounts and serves. Call it only once. */
  start(config: MountConfig, events: ServerEvents): void;
  /** Ends the server, even while its mount is in use. */
  stop(control: Control): void;
  /**
   * Frees the resources of a server that has ended.
   * @returns whether its mount may still exist, without a server
   */
  cleanUp(control: Control): boolean;
}
