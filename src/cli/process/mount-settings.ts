import type { MountConfig } from '../../server/config/mount-config.js';

/** The settings of a mount in the background, as the launcher writes them to the daemon's stdin. */
export interface MountSettings {
  readonly config: MountConfig;
  /** The file for the daemon's log lines, as bytes; absent: they are sent to syslog. */
  readonly logFile?: string;
}
