/** Makes the node of a lower file the node of its copy in the upper. */
import type { FileStat } from '../../core/file-stat.js';
import type { RealDirectory } from '../layers/layer.js';
import type { LinkGroup } from '../nodes/link-group.js';
import type { FileNode } from '../nodes/node.js';
import type { Identity, Union } from '../state/union.js';
import { invalidateCopied } from './promote-directory.js';

/** A copy that was just published. */
export interface PublishedCopy {
  /** The upper directory that contains it; null: it has no name. */
  readonly home: RealDirectory | null;
  /** Its real stat. */
  readonly copy: FileStat;
  /** The copy is not linked to the other names of the lower file: they still show the lower file. */
  readonly breaksLinks: boolean;
}

/**
 * Makes `node` the node of its copy. The node keeps the number that it shows, except if the copy breaks
 * links: then the other links keep that number, and the node gets the copy's own.
 */
export function switchLayer(union: Union, node: FileNode, { home, copy, breaksLinks }: PublishedCopy): void {
  const { group } = node;
  const own = union.identity.numbers.own(copy.devMajor, copy.devMinor, copy.ino);
  if (breaksLinks) node.ino = own;
  // The number of a copy without a name is not remembered: only the node shows it, and the file system can
  // give the copy's own number to another file when the node is freed.
  else if (home !== null || group !== null) union.identity.numbers.keep(copy, node.ino);
  node.isUpper = true;
  node.isCopy = !breaksLinks;
  if (group === null) {
    union.nodes.identify(node, own);
    if (home === null) node.home = null;
    else node.placeAt(home, node.name);
  } else reachThroughEntry(union.identity, node, group, home !== null);
  if (home !== null && node.parent !== null) {
    union.caches.listings.peek(node.parent)?.rehome(node.name, home, node.ino);
    // The kernel's cached listing has the old number. The pages of a listing are locked only while the kernel
    // fills them, so that invalidating them cannot block.
    if (breaksLinks) union.kernel.channel?.invalidateData(node.parent.id);
  }
  invalidateCopied(union.kernel, node);
}

/**
 * Makes the node reach the copy of a file with several links through its entry in the hard link table.
 * @param hasName the copy also has its name in the upper, which hides the lower name
 */
function reachThroughEntry(identity: Identity, node: FileNode, group: LinkGroup, hasName: boolean): void {
  if (identity.links === null || group.entry === null) return;
  if (hasName) identity.links.recordHiddenName(group);
  node.placeAt(identity.links.directory, group.entry);
}
