/** What goes over the socket between the command line and the daemon: one JSON text in, one JSON line per report out. */
import type { MountConfig } from './mount-config.js';

export interface DaemonStart {
  readonly config: MountConfig;
  /** File for log lines (bytes); without it they go to syslog. */
  readonly logFile?: string;
}

/** `ready` or `refused` is the last one. */
export type DaemonReport =
  | { readonly kind: 'ready' }
  | { readonly kind: 'warning'; readonly line: string }
  | { readonly kind: 'refused'; readonly message: string };
