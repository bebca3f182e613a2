/**
 * Docker's aufs driver: `diff/ID` is a layer, `layers/ID` has the ids of all below it, nearest first, one a
 * line.
 */
import { Errno } from '../../core/errno.js';
import { quoted, StoreError } from '../store-error.js';
import type { DriverDirectory } from './driver-directory.js';

export const PARENTS = 'layers';
export const CONTENTS = 'diff';

/** Ids of the layer and of all below it, top first. */
export function aufsStack(driver: DriverDirectory, id: string): string[] {
  const file = `${PARENTS}/${id}`;
  const text = driver.text(file);
  if (text === null) throw new StoreError({ what: 'docker', where: driver.pathOf(file), errno: Errno.ENOENT });
  const parents = text.split('\n').filter((line) => line !== '');
  for (const parent of parents) {
    if (!parent.includes('/') && parent !== '.' && parent !== '..') continue;
    throw new StoreError({
      what: 'docker',
      where: driver.pathOf(file),
      why: `${quoted(parent)} is not the id of a layer`,
    });
  }
  return [id, ...parents];
}

/** Where a layer's content lies in the driver's directory. */
export function aufsContent(id: string): string {
  return `${CONTENTS}/${id}`;
}
