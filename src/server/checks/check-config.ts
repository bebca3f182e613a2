/** The checks of a mount's config before its layers are opened. */
import { isReadOnly, type MountConfig } from '../config/mount-config.js';
import { checkLayers } from './check-layers.js';
import { refuseLayersInUse } from './check-layers-in-use.js';
import { checkDevice, resolveMountpoint } from './check-mountpoint.js';
import { onGivenDevice } from './given-device.js';
import { withoutIdmapped } from './idmapped-layers.js';

/**
 * Throws `MountError` for the first mistake. Changes nothing.
 * @returns the config with an absolute mountpoint (or a device that is mounted already), and with paths of
 * the layers on which no idmapped mount changes the owners
 */
export function checkConfig(config: MountConfig): MountConfig {
  const given = onGivenDevice(config);
  const checked = given ?? { ...config, mountpoint: resolveMountpoint(config.mountpoint) };
  checkLayers(checked);
  if (config.overlay?.index === true && !isReadOnly(config)) refuseLayersInUse(checked);
  if (given === undefined) checkDevice();
  return withoutIdmapped(checked);
}
