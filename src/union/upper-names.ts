/** Names of files in the upper. A file of several links can be in the upper while some of its names are lower ones. */
import { keepingTimes } from '../copyup/copy-up.js';
import type { EntryName } from '../core/brand.js';
import { FileStat } from '../core/file-stat.js';
import { linkAt } from '../sys/inode-ops.js';
import type { LinkGroup } from './link-group.js';
import type { DirectoryNode, UnionNode } from './node.js';
import { copyUpDirectory } from './promote.js';
import type { Union } from './union.js';

const scratch = new FileStat();

/** Whether the upper has `name` of `dir`, which leads to `node`. */
export function hasUpperName(union: Union, node: UnionNode, dir: DirectoryNode, name: EntryName): boolean {
  if (node.kind === 'directory') return node.upper !== null;
  if (node.group === null || !node.isUpper) return node.isUpper;
  return dir.upper !== null && dir.upper.layer.reader.probe(union.fds.get(dir.upper), name, scratch) === 'present';
}

/**
 * Makes a lower name of a copied-up file a real link in the upper. The same tree shows before and after, so that the
 * directory's times stay.
 */
export function bringName(union: Union, group: LinkGroup, dir: DirectoryNode, name: EntryName): void {
  const { plinks } = union;
  if (plinks === null || group.entry === null) return;
  const home = copyUpDirectory(union, dir);
  const dirfd = union.fds.get(home);
  const entry = group.entry;
  keepingTimes(dirfd, () => linkAt(union.fds.get(plinks.directory), entry, dirfd, name));
  plinks.hide(group);
  union.listings.peek(dir)?.rehome(name, home, group.ino);
  union.channel?.invalidateAttributes(dir.id);
}
