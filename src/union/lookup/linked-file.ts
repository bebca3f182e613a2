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
 * The group whose copy an upper file with several links is; null: it is no such copy. @param own its own
 * number
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
 * Reads the lower link count of a group, if the lower file is at `name` of `dir` too. A copy usually hides
 * the lower name that it was copied from.
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
export function leadsTo(linked: FileNode, isUpper: boolean, group: LinkGroup | null): boolean {
  if (isUpper) return linked.isUpper && linked.group === group;
  // For a lower file that was not changed yet, each name that is found gets a new group.
  return linked.group !== null && linked.group.origin === group?.origin;
}

/**
 * Whether the node is to be known by the name that was just looked up. The copy gets the name that the node
 * is known by. A request names a node, not a name, so that the name looked up last is the likeliest to be
 * meant.
 */
export function takesLatestName(identity: Identity, node: FileNode, isUpper: boolean): boolean {
  if (node.isUpper && (isUpper || identity.links?.countsNames !== true)) return false;
  return node.busy === 0;
}

/** Makes the node of a file with several links known by another of its names. */
export function renameLinked(
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
 * Adds a new node of a file with several links to its group. If the group has a copy, the node is that of the
 * copy, also if a lower name was found.
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
