/** Everything that can be known to be wrong with a mount before the first layer is opened for good. */

import { isReadOnly, type MountConfig } from '../config/mount-config.js';
import { refuseLayersInUse } from './check-in-use.js';
import { checkLayers } from './check-layers.js';
import { checkDevice, resolveMountpoint } from './check-mountpoint.js';
import { onGivenDevice } from './given-device.js';
import { withoutIdmapped } from './idmapped-layers.js';

/**
 * Throws `MountError` for the first thing that is wrong; changes nothing.
 * @returns the config with an absolute mountpoint (or a device that is mounted already), and layers whose
 * owners no other mount maps
 */
export function checkConfig(config: MountConfig): MountConfig {
  const given = onGivenDevice(config);
  const checked = given ?? { ...config, mountpoint: resolveMountpoint(config.mountpoint) };
  checkLayers(checked);
  if (config.overlay?.index === true && !isReadOnly(config)) refuseLayersInUse(checked);
  if (given === undefined) checkDevice();
  return withoutIdmapped(checked);
}
