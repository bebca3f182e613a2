/**
 * Finds the data of a metacopy (fs/overlayfs/namei.c:ovl_lookup): in a layer below it under the same name,
 * where redirects lead, or in a data-only layer.
 */
import type { EntryName } from '../../core/brand.js';
import { displayName } from '../../core/entry-name.js';
import { Errno, fsError } from '../../core/errno.js';
import { FileStat } from '../../core/file-stat.js';
import type { RealDirectory } from '../layers/layer.js';
import { FileData } from '../nodes/file-data.js';
import type { DirectoryNode, FileNode } from '../nodes/node.js';
import type { Union } from '../state/union.js';
import { LowerSearch } from './lower-search.js';

const found = new FileStat();

/**
 * Sets `node.data` if the regular file `name` in `home`, for which the node was made, is a metacopy.
 * @param dir the merged parent
 */
export function findData(union: Union, node: FileNode, dir: DirectoryNode, home: RealDirectory, name: EntryName): void {
  const search = new LowerSearch(union, { dir, name, home, listed: null }, 'file');
  const { metacopy, redirect } = search.marks;
  if (metacopy === null) return;
  let inLower = !home.layer.isUpper;
  for (let step = search.next(found); step !== null; step = search.next(found)) {
    inLower = true;
    if (!search.wantsData) node.data = FileData.at(step.home, step.name, found);
  }
  const late = search.absolutePath;
  // Data-only layers are searched also without metacopy=on and redirect_dir=follow: their files can be
  // reached in no other way.
  if (node.data === null && inLower && late !== null && union.stack.dataLayers.length > 0) {
    node.data = FileData.somewhereIn(union.stack.dataLayers, late);
  }
  if (node.data === null) {
    search.checkFollowed();
    union.log(`${displayName(name)}: metacopy without data: no lower layer has it`);
    throw fsError(Errno.EIO, 'metacopy');
  }
  if (home.layer.isUpper) node.redirect = redirect;
}
