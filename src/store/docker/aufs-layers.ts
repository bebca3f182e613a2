/**
 * Docker's aufs driver. `diff/ID` is a layer. The file `layers/ID` has the ids of all layers below it,
 * nearest first, one per line.
 */
import { Errno } from '../../core/errno.js';
import { quoted, StoreError } from '../store-error.js';
import type { DriverDirectory } from './driver-directory.js';

/** The directory of the files that name the parents. */
export const PARENTS = 'layers';
/** The directory of the layers themselves. */
export const CONTENTS = 'diff';

/** The ids of the layer and of all layers below it, top first. */
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

/** The path of a layer's content in the driver's directory. */
export function aufsContent(id: string): string {
  return `${CONTENTS}/${id}`;
}
