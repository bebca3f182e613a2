/** Updates nodes when their object has moved to another name. */
import { FsError } from '../../core/errno.js';
import { DT_DIR, direntType } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { upperDirectory } from '../create/create-object.js';
import type { RealDirectory } from '../layers/layer.js';
import { addToListing, recheckCopies } from '../lookup/cached-listing.js';
import type { Location } from '../nodes/location.js';
import type { DirectoryNode, FileNode, UnionNode } from '../nodes/node.js';
import { statReal } from '../objects/real-object.js';
import type { LayerStack } from '../state/layer-stack.js';
import type { Union } from '../state/union.js';
import { isNodeAt } from './detach-node.js';

const scratch = new FileStat();

/** The move of an object from one name to another. */
export interface Move {
  readonly node: UnionNode;
  readonly from: Location;
  readonly to: Location;
}

/** Whether a directory keeps its lower parts when it moves. */
export function takesLowers(stack: LayerStack, node: DirectoryNode): boolean {
  return node.lowers.length > 0 && stack.dialect.redirects?.written === true;
}

/** Updates the node of an object that has moved, and the listing of the directory that contains it now. */
export function moveNode(union: Union, { node, from, to }: Move): void {
  recheckCopies(union.caches.listings, from.dir, node);
  const home = upperDirectory(union, to.dir);
  if (node.kind === 'directory') {
    union.nodes.move(node, to.dir, to.name);
    if (!takesLowers(union.stack, node)) dropLowers(union, node);
    if (node.upper !== null) {
      node.upper.parent = home;
      node.upper.name = to.name;
    }
  } else moveFileNode(union, { node, from, to }, home);
  if (union.caches.listings.peek(to.dir) !== undefined) addMovedToListing(union, node, to, home);
}

function addMovedToListing(union: Union, node: UnionNode, to: Location, home: RealDirectory): void {
  let type = DT_DIR;
  if (node.kind === 'file') {
    try {
      statReal(union, node, scratch);
    } catch (error) {
      // The file has moved, but its type is not known. The next listing reads the directory from disk.
      if (!(error instanceof FsError)) throw error;
      union.caches.listings.delete(to.dir);
      return;
    }
    type = direntType(scratch.mode);
  }
  addToListing(union.caches.listings, to.dir, to.name, { ino: node.ino, type, home });
}

/** Removes the lower parts from a directory that has moved without them. They have no visible entries. */
function dropLowers(union: Union, node: DirectoryNode): void {
  if (node.lowers.length === 0) return;
  for (const lower of node.lowers) union.fds.drop(lower);
  node.lowers = [];
  union.caches.listings.delete(node);
  union.kernel.channel?.invalidateAttributes(node.id);
}

/** Updates the node of a file that has moved, unless the node is at another name of the file. */
function moveFileNode(union: Union, { node, from, to }: Move & { readonly node: FileNode }, home: RealDirectory): void {
  if (!isNodeAt(node, from)) return;
  union.nodes.move(node, to.dir, to.name);
  if (node.group !== null) return;
  node.placeAt(home, to.name);
}
