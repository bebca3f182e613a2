/** Finds or makes the nodes of objects that are no directories. */
import type { EntryName } from '../../core/brand.js';
import { direntType, isRegular } from '../../core/file-mode.js';
import type { FileStat } from '../../core/file-stat.js';
import type { RealDirectory } from '../layers/layer.js';
import type { LinkGroup } from '../nodes/link-group.js';
import { type DirectoryNode, FileNode } from '../nodes/node.js';
import { showStat, statNode } from '../objects/real-object.js';
import type { Union } from '../state/union.js';
import { findData } from './find-data.js';
import { groupOfCopy, isNodeOfFound, joinGroup, moveLinkedNode, movesToFoundName } from './linked-file.js';
import { numberOfFile, numberWithoutOrigin, ownNumber } from './stable-inode-numbers.js';

/**
 * The node of an object that is not a directory. If another name of the same file has a node, that node.
 * @param home the real directory of `dir` that contains it
 * @param stat its real stat; replaced by the attributes to show
 */
export function nodeOfFile(
  union: Union,
  dir: DirectoryNode,
  name: EntryName,
  home: RealDirectory,
  stat: FileStat,
): FileNode {
  const { isUpper } = home.layer;
  const hasLinks = stat.nlink > 1;
  const own = ownNumber(union.identity, home, stat);
  const number = isUpper
    ? numberOfFile(union, dir, name, own, direntType(stat.mode))
    : numberWithoutOrigin(union.identity, own);
  let group: LinkGroup | null = null;
  if (hasLinks) {
    group = isUpper
      ? groupOfCopy(union, dir, name, number, stat.ino)
      : (union.identity.links?.ofLower(number, stat) ?? null);
  }
  const ino = group?.ino ?? number;
  const identity = group === null ? own : ino;
  stat.ino = ino;
  // Also with a link count of 1: the file may have a node from another name, which was removed since.
  if (isUpper || group !== null) {
    const linked = union.nodes.linkedFile(identity);
    if (linked !== undefined && isNodeOfFound(linked, isUpper, group)) {
      if (linked.parent === null || movesToFoundName(union.identity, linked, isUpper))
        moveLinkedNode(union, linked, dir, name, home);
      if (!isUpper) linked.group?.raiseLowerLinks(stat.nlink);
      if (linked.group !== null) statNode(union, linked, stat);
      else showStat(linked, stat);
      return linked;
    }
  }
  const node = new FileNode(union.nodes.newId(), dir, name, ino, isUpper, home, name);
  node.identity = identity;
  node.isCopy = isUpper && number !== own;
  if (union.stack.seeksData && isRegular(stat.mode)) {
    findData(union, node, dir, home, name);
    showStat(node, stat);
  }
  if (!isUpper && stat.protection === 0) node.protection = 0;
  union.nodes.add(node);
  if (hasLinks && (isUpper || group !== null)) union.nodes.share(node);
  if (group !== null) joinGroup(union, node, group, isUpper ? null : home, stat);
  return node;
}

/** The new node of an object that was just made in the upper. Parameters as of {@link nodeOfFile}. */
export function nodeOfNewFile(
  union: Union,
  dir: DirectoryNode,
  name: EntryName,
  home: RealDirectory,
  stat: FileStat,
): FileNode {
  const own = ownNumber(union.identity, home, stat);
  const ino = numberWithoutOrigin(union.identity, own);
  stat.ino = ino;
  const node = new FileNode(union.nodes.newId(), dir, name, ino, true, home, name);
  node.identity = own;
  node.isCopy = ino !== own;
  union.nodes.add(node);
  return node;
}
