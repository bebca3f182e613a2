/**
 * Names of files in the upper. A file with several links can be in the upper while some of its names are not.
 */
import { keepingTimes } from '../../copyup/copy-up.js';
import type { EntryName } from '../../core/brand.js';
import { FileStat } from '../../core/file-stat.js';
import { linkAt } from '../../sys/files/inode-ops.js';
import type { DirectoryFds } from '../layers/directory-fds.js';
import type { LinkGroup } from '../nodes/link-group.js';
import type { DirectoryNode, FileNode, UnionNode } from '../nodes/node.js';
import type { Union } from '../state/union.js';
import { markImpure } from './impure-mark.js';
import { copyUpDirectory } from './promote-directory.js';

const scratch = new FileStat();

/** Whether the name `name` of `dir`, which leads to `node`, is in the upper. */
export function hasUpperName(fds: DirectoryFds, node: UnionNode, dir: DirectoryNode, name: EntryName): boolean {
  if (node.kind === 'directory') return node.upper !== null;
  if (node.group === null || !node.isUpper) return node.isUpper;
  return dir.upper !== null && dir.upper.layer.reader.probe(fds.get(dir.upper), name, scratch) === 'present';
}

/**
 * Makes a lower name of a file that was copied up a real link in the upper. The merged tree does not change,
 * so that the times of the directory are restored.
 */
export function linkInUpper(union: Union, group: LinkGroup, dir: DirectoryNode, name: EntryName): void {
  const { links } = union.identity;
  if (links === null || group.entry === null) return;
  const home = copyUpDirectory(union, dir);
  const dirfd = union.fds.get(home);
  const entry = group.entry;
  markImpure(union, dir);
  links.storeCountByLower(group);
  keepingTimes(dirfd, () => linkAt(union.fds.get(links.directory), entry, dirfd, name));
  links.recordHiddenName(group);
  union.caches.listings.peek(dir)?.rehome(name, home, group.ino);
  union.kernel.channel?.invalidateAttributes(dir.id);
}

/**
 * Makes the name at which `node` is a link in the upper, before the file is changed. This applies to
 * files whose names are counted with their copies. So a program that reads the upper without its index sees
 * the change (fs/overlayfs/copy_up.c:ovl_link_up).
 */
export function linkNodeName(union: Union, node: FileNode): void {
  const { group, parent, name } = node;
  if (group === null || parent === null || node.removed || union.identity.links?.countsNames !== true) return;
  if (!hasUpperName(union.fds, node, parent, name)) linkInUpper(union, group, parent, name);
}
