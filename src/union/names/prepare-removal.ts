/** Prepares the removal of a name. */
import type { Location } from '../nodes/location.js';
import type { UnionNode } from '../nodes/node.js';
import { ensureUpper } from '../promote/promote.js';
import { hasUpperName, linkInUpper } from '../promote/upper-names.js';
import type { Union } from '../state/union.js';

/**
 * Prepares the removal of one name of a file with several links, where the count of its names is stored with
 * its copy. First the file is copied up, so that the count has a place. Then the copy gets a link at the
 * name, so that the removal takes one of the copy's own links (fs/overlayfs/util.c:ovl_nlink_start).
 */
export function prepareRemoval(union: Union, node: UnionNode, { dir, name }: Location): void {
  if (node.kind === 'directory' || node.group === null || union.identity.links?.countsNames !== true) return;
  if (!node.isUpper) {
    union.nodes.move(node, dir, name);
    ensureUpper(union, node);
  }
  const { group } = node;
  if (group === null) return;
  if (!hasUpperName(union.fds, node, dir, name)) linkInUpper(union, group, dir, name);
  union.identity.links.storeCountByCopy(group);
}
