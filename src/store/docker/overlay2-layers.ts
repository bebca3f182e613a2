/**
 * Docker's overlay2 driver: `ID/diff` is a layer, `ID/lower` the short names of all layers below it, nearest
 * first (`l/SHORT:l/SHORT`), `l/SHORT` a symlink to `../ID/diff`. `ID/link` has the layer's own short name,
 * for its children.
 */
import { Errno } from '../../core/errno.js';
import { quoted, StoreError } from '../store-error.js';
import type { DriverDirectory } from './driver-directory.js';

export const SHORT_NAMES = 'l';

/** Ids of the layer and of all below it, top first. */
export function overlay2Stack(driver: DriverDirectory, id: string): string[] {
  const file = `${id}/lower`;
  const where = driver.pathOf(file);
  const text = driver.text(file);
  if (text === null) {
    // Docker makes the work directory together with `lower`, for layers that have others below them.
    if (!driver.hasDirectory(`${id}/work`)) return [id];
    const why = 'is missing, and the layer has a work directory, as those have that stand on others';
    throw new StoreError({ what: 'docker', where, why, errno: Errno.ENOENT });
  }
  const lower = text.trim();
  if (lower === '') throw new StoreError({ what: 'docker', where, why: 'names no layer' });
  return [id, ...lower.split(':').map((short) => idOf(driver, id, short))];
}

function idOf(driver: DriverDirectory, id: string, short: string): string {
  const where = driver.pathOf(`${id}/lower`);
  // What is not two plain names would lead somewhere else than to the short names.
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
      why: `names ${quoted(short)}, and there is no such link`,
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

/** Where a layer's content lies in the driver's directory. */
export function overlay2Content(id: string): string {
  return `${id}/diff`;
}
