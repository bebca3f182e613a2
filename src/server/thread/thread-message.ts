import type { ServerMessage } from '../serving/server.js';

/**
 * What the serving thread tells the thread that started it; what it is told is one MountConfig, or null:
 * nothing to serve.
 */
export type ThreadMessage =
  /**
   * `controlFd`: an eventfd; readable means stop. It is the receiver's to close, when the thread has ended.
   */
  | { readonly kind: 'mounted'; readonly deviceFd: number; readonly controlFd: number }
  | Exclude<ServerMessage, { kind: 'mounted' }>
  /** The device fd is closed. */
  | { readonly kind: 'released' };
