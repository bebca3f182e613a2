import type { MountRequest } from '../../fuse/index.js';
import { type MountConfig, mountFlags } from './mount-config.js';

/** The mount that a transport makes for `config`. */
export function mountRequestOf(config: MountConfig): MountRequest {
  const { fsname, subtype, mountpoint, allowOther } = config;
  return { target: mountpoint, subtype, fsname, flags: mountFlags(config), allowOther };
}
