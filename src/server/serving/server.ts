import type { MountConfig } from '../config/mount-config.js';

/** What a server tells the thread that started it. */
export type ServerMessage =
  /** From here on there is something to unmount. */
  | { readonly kind: 'mounted' }
  /** The mount can be used. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'log'; readonly line: string }
  | { readonly kind: 'refused'; readonly message: string; readonly errno: number | undefined };

export interface ServerEvents {
  message(message: ServerMessage): void;
  failed(error: Error): void;
  /** The last one. */
  ended(): void;
}

/** The system calls by which this thread ends what another, or another process, serves. */
export type Control = typeof import('./mount-control.js');

/**
 * Who serves one mount: a thread of this process, or a process of its own. It needs nothing from us while it
 * does.
 */
export interface Server {
  /** Once. */
  start(config: MountConfig, events: ServerEvents): void;
  /** Ends it, even while its mount is in use. */
  stop(control: Control): void;
  /**
   * After it has ended: frees what it held of ours.
   * @returns whether its mount may be left behind, with nobody to answer
   */
  cleanUp(control: Control): boolean;
}
