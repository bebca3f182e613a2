import type { EntryName, NodeId } from '../../core/brand.js';
import { direntType } from '../../core/file-mode.js';
import type { Entry } from '../../fuse/operations.js';
import type { CreatedObject } from '../create/create-object.js';
import { addToListing } from '../lookup/cached-listing.js';
import { nodeOfNewDirectory } from '../lookup/directory-node.js';
import { nodeOfNewFile } from '../lookup/file-node.js';
import { lookupNode } from '../lookup/lookup.js';
import type { Location } from '../nodes/location.js';
import type { UnionNode } from '../nodes/node.js';
import { readlinkReal } from '../objects/real-object.js';
import type { Union } from '../state/union.js';
import { answerFor } from './attributes.js';

/** Looks up a name. null: the union has no such name. */
export function lookup(union: Union, parent: NodeId, name: EntryName): Entry | null {
  const dir = union.nodes.directory(parent);
  const node = lookupNode(union, dir, name, union.answer.attr);
  return node === null ? null : countedEntry(union, node);
}

/** The reply entry of a node. Counts one lookup of it. Its attributes are in the shared answer already. */
export function countedEntry(union: Union, node: UnionNode): Entry {
  node.nlookup++;
  return answerFor(union, node);
}

/**
 * The reply entry of an object that was just made at this name; makes its node. The real stat of the object
 * is in the shared answer already.
 */
export function entryOfNew(
  union: Union,
  { dir, name }: Location,
  { home, lowers }: Pick<CreatedObject, 'home' | 'lowers'>,
  isDirectory: boolean,
): Entry {
  const { attr } = union.answer;
  const node = isDirectory
    ? nodeOfNewDirectory(union, { dir, name, home }, lowers, attr)
    : nodeOfNewFile(union, dir, name, home, attr);
  node.protection = 0;
  if (node.kind === 'directory') node.isComplete = true;
  else node.lacksCapability = true;
  addToListing(union.caches.listings, dir, name, { ino: node.ino, type: direntType(attr.mode), home });
  return countedEntry(union, node);
}

/** The target of a symlink. */
export function readlink(union: Union, nodeid: NodeId): string {
  return readlinkReal(union.fds, union.nodes.file(nodeid));
}
