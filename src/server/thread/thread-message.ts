import type { ServerMessage } from '../serving/server.js';

/**
 * A message of the serving thread to the thread that has started it. In the other direction there is one
 * message: a MountConfig, or null if there is nothing to serve.
 */
export type ThreadMessage =
  /**
   * The mount exists. `controlFd` is an eventfd: the thread stops when it becomes readable. The receiver
   * closes it after the thread has ended.
   */
  | { readonly kind: 'mounted'; readonly deviceFd: number; readonly controlFd: number }
  | Exclude<ServerMessage, { kind: 'mounted' }>
  /** The thread closes the device fd now. */
  | { readonly kind: 'released' };
