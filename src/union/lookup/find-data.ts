/**
 * Finds the data of a metacopy (fs/overlayfs/namei.c:ovl_lookup): in a layer below it under the same name,
 * where redirects lead, or in a data-only layer.
 */
import type { EntryName } from '../../core/brand.js';
import { displayName } from '../../core/entry-name.js';
import { Errno, fsError } from '../../core/errno.js';
import type { RealDirectory } from '../layers/layer.js';
import { FileData } from '../nodes/file-data.js';
import type { DirectoryNode, FileNode } from '../nodes/node.js';
import type { Union } from '../state/union.js';
import { Descent } from './descent.js';

/**
 * Sets `node.data` if the regular file `name` in `home`, for which the node was made, is a metacopy.
 * @param dir the merged parent
 */
export function findData(union: Union, node: FileNode, dir: DirectoryNode, home: RealDirectory, name: EntryName): void {
  const descent = new Descent(union, dir, home, name, null, 'file');
  const { metacopy, redirect } = descent.marks;
  if (metacopy === null) return;
  let inLower = !home.layer.isUpper;
  for (let step = descent.next(); step !== null; step = descent.next()) {
    inLower = true;
    if (!descent.wantsData) node.data = FileData.at(step.home, step.name, descent.stat);
  }
  const late = descent.absolutePath;
  // Data-only layers are searched also without metacopy=on and redirect_dir=follow: their files can be
  // reached in no other way.
  if (node.data === null && inLower && late !== null && union.dataLayers.length > 0) {
    node.data = FileData.somewhereIn(union.dataLayers, late);
  }
  if (node.data === null) {
    descent.checkFollowed();
    union.log(`${displayName(name)}: metacopy without data: no lower layer has it`);
    throw fsError(Errno.EIO, 'metacopy');
  }
  if (home.layer.isUpper) node.redirect = redirect;
}
