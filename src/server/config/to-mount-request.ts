import { S_IFDIR } from '../../core/file-mode.js';
import type { MountRequest } from '../../fuse/index.js';
import { type MountConfig, mountFlags } from './mount-config.js';

/** What a transport is told to mount. */
export function mountRequestOf(config: MountConfig): MountRequest {
  const { fsname, subtype, mountpoint, allowOther } = config;
  return {
    source: fsname,
    target: mountpoint,
    subtype,
    fsname,
    flags: mountFlags(config),
    allowOther,
    defaultPermissions: true,
    rootMode: S_IFDIR,
  };
}
