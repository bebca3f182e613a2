/**
 * Docker's overlay2 driver. `ID/diff` is a layer. The file `ID/lower` has the short names of all layers below
 * it, nearest first (`l/SHORT:l/SHORT`). `l/SHORT` is a symlink to `../ID/diff`. `ID/link` has the layer's
 * own short name, which the layers above it use.
 */
import { Errno } from '../../core/errno.js';
import { quoted, StoreError } from '../store-error.js';
import type { DriverDirectory } from './driver-directory.js';

/** The directory of the short names. */
export const SHORT_NAMES = 'l';

/** The ids of the layer and of all layers below it, top first. */
export function overlay2Stack(driver: DriverDirectory, id: string): string[] {
  const file = `${id}/lower`;
  const where = driver.pathOf(file);
  const text = driver.text(file);
  if (text === null) {
    // Docker makes the work directory together with `lower`, for layers that have other layers below them.
    if (!driver.hasDirectory(`${id}/work`)) return [id];
    const why = 'is missing, though the layer has a work directory and so must have layers below it';
    throw new StoreError({ what: 'docker', where, why, errno: Errno.ENOENT });
  }
  const lower = text.trim();
  if (lower === '') throw new StoreError({ what: 'docker', where, why: 'names no layer' });
  return [id, ...lower.split(':').map((short) => idOf(driver, id, short))];
}

/** The id of the layer with a short name from the `lower` file of the layer `id`. */
function idOf(driver: DriverDirectory, id: string, short: string): string {
  const where = driver.pathOf(`${id}/lower`);
  // Any other form would lead out of the directory of short names.
  if (!/^l\/[^/]+$/.test(short) || short === 'l/..' || short === 'l/.') {
    throw new StoreError({
      what: 'docker',
      where,
      why: `${quoted(short)} is not one of the driver's short names (l/NAME)`,
    });
  }
  const target = driver.link(short);
  if (target === null) {
    throw new StoreError({
      what: 'docker',
      where,
      why: `names ${quoted(short)}, which does not exist or is not a link`,
      errno: Errno.ENOENT,
    });
  }
  const found = /^\.\.\/([^/]+)\/diff$/.exec(target)?.[1];
  if (found === undefined || found === '.' || found === '..') {
    const why = `leads to ${quoted(target)}, which is not a layer of this driver (../ID/diff)`;
    throw new StoreError({ what: 'docker', where: driver.pathOf(short), why });
  }
  return found;
}

/** The path of a layer's content in the driver's directory. */
export function overlay2Content(id: string): string {
  return `${id}/diff`;
}
