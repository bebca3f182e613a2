import type { MountConfig } from '../../server/config/mount-config.js';

/** What a mount in the background is made of. */
export interface MountSettings {
  readonly config: MountConfig;
  /** The file for the daemon's log lines, as bytes; absent: they are sent to syslog. */
  readonly logFile?: string;
}
