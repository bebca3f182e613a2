/**
 * Finds where the data of a metacopy is (fs/overlayfs/namei.c:ovl_lookup): below it under the same name,
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
 * Makes `node`, of the regular file `name` in `home`, know where its data is.
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
  // These are found without metacopy=on and redirect_dir=follow: nothing there can be reached by another way.
  if (node.data === null && inLower && late !== null && union.dataLayers.length > 0) {
    node.data = FileData.somewhereIn(union.dataLayers, late);
  }
  if (node.data === null) {
    descent.checkFollowed();
    union.log(`${displayName(name)}: its data should be in a layer below, and is not`);
    throw fsError(Errno.EIO, 'metacopy');
  }
  if (home.layer.isUpper) node.redirect = redirect;
}
