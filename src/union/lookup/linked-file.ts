/** The nodes and groups of files with several links, which can be found by any of their names. */
import type { EntryName } from '../../core/brand.js';
import { Errno, fsError } from '../../core/errno.js';
import { FileStat } from '../../core/file-stat.js';
import { statAt } from '../../sys/files/stat.js';
import type { DirectoryFds } from '../layers/directory-fds.js';
import type { RealDirectory } from '../layers/layer.js';
import { FileData } from '../nodes/file-data.js';
import type { LinkGroup } from '../nodes/link-group.js';
import type { DirectoryNode, FileNode } from '../nodes/node.js';
import { statNode } from '../objects/real-object.js';
import type { Identity, Union } from '../state/union.js';

const lower = new FileStat();

/**
 * Finds the group of an upper file with several links if this file is the group's copy; null: the file is not
 * the copy of a group.
 * @param ino the number that the file shows
 * @param own its inode number in the upper
 */
export function groupOfCopy(
  union: Union,
  dir: DirectoryNode,
  name: EntryName,
  ino: number,
  own: number,
): LinkGroup | null {
  const group = union.identity.links?.ofCopy(ino, own) ?? null;
  if (group?.lowerLinks === null) findLowerLinks(union, group, dir, name);
  return group;
}

/**
 * Reads the lower link count of a group, if the name of the copy, `name` in `dir`, hides a name of the lower
 * file. It usually does, because a copy gets the name by which the file was copied up.
 */
function findLowerLinks(union: Union, group: LinkGroup, dir: DirectoryNode, name: EntryName): void {
  for (const home of dir.lowers) {
    const presence = home.layer.reader.probe(union.fds.get(home), name, lower);
    if (presence === 'absent') continue;
    const own = union.identity.numbers.ownOfLower(lower, home.layer, lower.ino);
    const same = presence === 'present' && (union.identity.numbers.kept(own) ?? own) === group.ino;
    if (same && lower.nlink > 1) union.identity.links?.ofLower(group.ino, lower);
    return;
  }
}

/**
 * Whether `linked`, a node with the right number, is the node of the file that was found.
 * @param isUpper the file was found in the upper
 */
export function isNodeOfFound(linked: FileNode, isUpper: boolean, group: LinkGroup | null): boolean {
  if (isUpper) return linked.isUpper && linked.group === group;
  // While a lower file is not changed, each lookup of one of its names makes a new group. So the origins are
  // compared, not the groups.
  return linked.group !== null && linked.group.origin === group?.origin;
}

/**
 * Whether the node of a file with several links moves to the name at which a lookup has just found the file.
 * A copy-up gives the copy the name at which the node is. A request identifies only the node, and most likely
 * the application used the name that was looked up last.
 */
export function movesToFoundName(identity: Identity, node: FileNode, isUpper: boolean): boolean {
  if (node.isUpper && (isUpper || identity.links?.countsNames !== true)) return false;
  return node.copyJobKey === 0;
}

/** Moves the node of a file with several links to another of its names. */
export function moveLinkedNode(
  union: Union,
  node: FileNode,
  dir: DirectoryNode,
  name: EntryName,
  home: RealDirectory,
): void {
  union.nodes.move(node, dir, name);
  node.removed = false;
  if (node.group !== null && node.isUpper) return;
  node.placeAt(home, name);
}

/**
 * Adds a new node of a file with several links to its group. If the group has a copy, the node becomes the
 * node of the copy, even if the name was found in a lower layer.
 * @param found the lower directory that contains the name; null: the name was found in the upper
 */
export function joinGroup(
  union: Union,
  node: FileNode,
  group: LinkGroup,
  found: RealDirectory | null,
  stat: FileStat,
): void {
  node.group = group;
  if (union.identity.links !== null && group.entry !== null) {
    if (found !== null && lacksOwnData(union, group.entry)) node.data ??= dataOf(union.fds, found, node.name);
    node.isUpper = true;
    node.protection = null;
    node.isCopy = true;
    node.placeAt(union.identity.links.directory, group.entry);
  }
  statNode(union, node, stat);
}

/** Whether the copy with this entry is a metacopy. */
function lacksOwnData(union: Union, entry: EntryName): boolean {
  if (union.identity.links === null || !union.stack.seeksData) return false;
  const { directory } = union.identity.links;
  return directory.layer.reader.marks(union.fds.get(directory), entry).metacopy !== null;
}

/** The data of the lower file `name` in `home`, which is also that of the file's copy. */
function dataOf(fds: DirectoryFds, home: RealDirectory, name: EntryName): FileData {
  if (!statAt(fds.get(home), name, lower)) throw fsError(Errno.ESTALE, 'metacopy');
  return FileData.at(home, name, lower);
}
