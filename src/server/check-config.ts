/** Everything that can be known to be wrong with a mount before the first layer is opened for good. */
import { checkLayers } from './check-layers.js';
import { checkDevice, resolveMountpoint } from './check-mountpoint.js';
import { withoutIdmapped } from './idmapped-layers.js';
import type { MountConfig } from './mount-config.js';
import { refuseOverlayOptions, settleOverlay } from './overlay-options.js';

/**
 * Throws `MountError` for the first thing that is wrong; changes nothing.
 * @returns the config with an absolute mountpoint, and layers whose owners are not mapped by another
 */
export function checkConfig(config: MountConfig): MountConfig {
  const checked = { ...config, mountpoint: resolveMountpoint(config.mountpoint) };
  if (config.dialect === 'aufs') refuseOverlayOptions(config);
  else settleOverlay(config);
  checkLayers(checked);
  checkDevice();
  return withoutIdmapped(checked);
}
