/**
 * Finds what a name of a merged directory is: the merge rules (fs/overlayfs/namei.c:ovl_lookup). The topmost
 * layer that has the name decides; a directory goes on collecting directories of the same name below it until
 * an opaque one, a whiteout or something that is no directory.
 *
 * ENOENT and ENAMETOOLONG in one layer mean "not in this layer"; any other errno fails the lookup, because
 * showing the layer below instead would be showing a wrong tree.
 */
import type { EntryName } from '../../core/brand.js';
import { Errno, fsError } from '../../core/errno.js';
import { direntType, isDirectory, isRegular } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { close } from '../../sys/files/open.js';
import { statAt } from '../../sys/files/stat.js';
import { RealDirectory } from '../layers/layer.js';
import { FileData } from '../nodes/file-data.js';
import type { LinkGroup } from '../nodes/link-group.js';
import { DirectoryNode, FileNode, type UnionNode } from '../nodes/node.js';
import { showStat, statNode } from '../objects/real-object.js';
import type { Union } from '../state/union.js';
import { Descent } from './descent.js';
import { findData } from './find-data.js';
import { nameInLayer } from './name-in-layer.js';
import { numberOfDirectory, numberOfFile } from './stable-inode-numbers.js';

const lower = new FileStat();

/**
 * The node of `name` in `dir`, and its attributes in `into`; null if the union has no such name.
 * The node is not held by this: it lives until the next release unless a lookup is counted.
 */
export function lookupNode(union: Union, dir: DirectoryNode, name: EntryName, into: FileStat): UnionNode | null {
  const known = dir.children.get(name);
  if (known !== undefined) {
    statNode(union, known, into);
    return known;
  }
  union.checkName(name);
  if (dir.removed || dir.isComplete) return null;
  if (dir.upper !== null) {
    const presence = nameInLayer(union, dir.upper, name, into, dir.lowers.length === 0);
    if (presence === 'whiteout') return null;
    if (presence === 'present') return found(union, dir, name, dir.upper, into);
  }
  return lookupLower(union, dir, name, into);
}

function lookupLower(union: Union, dir: DirectoryNode, name: EntryName, into: FileStat): UnionNode | null {
  const lowest = dir.lowers.at(-1);
  for (const home of dir.lowers) {
    const presence = nameInLayer(union, home, name, into, home === lowest);
    if (presence === 'whiteout') return null;
    if (presence === 'present') return found(union, dir, name, home, into);
  }
  return null;
}

function found(union: Union, dir: DirectoryNode, name: EntryName, home: RealDirectory, stat: FileStat): UnionNode {
  if (!isDirectory(stat.mode)) return adoptFile(union, dir, name, home, stat);
  return adoptStack(union, dir, name, home, null, stat);
}

/**
 * The node of a directory, with what the layers below have of it.
 * @param listed real directories of the parent, below `home`, that are known to have a directory of this name
 * too, top first; null: not known
 */
export function adoptStack(
  union: Union,
  dir: DirectoryNode,
  name: EntryName,
  home: RealDirectory,
  listed: readonly RealDirectory[] | null,
  stat: FileStat,
): DirectoryNode {
  const descent = new Descent(union, dir, home, name, listed, 'directory');
  const below: RealDirectory[] = [];
  for (let step = descent.next(); step !== null; step = descent.next()) {
    below.push(new RealDirectory(step.home.layer, step.home, step.name));
  }
  const node = adoptDirectory(union, dir, name, home, below, stat, descent.marks.redirect !== null);
  if (node.upper !== null) {
    node.redirect = descent.marks.redirect;
    node.impure = descent.marks.impure;
  }
  return node;
}

/**
 * Makes a node of a directory whose real stat is `stat`; leaves in `stat` what is shown.
 * @param lowers the real directories of the layers below that are merged in, top first
 * @param isMoved a redirect leads to `lowers`
 */
export function adoptDirectory(
  union: Union,
  dir: DirectoryNode,
  name: EntryName,
  home: RealDirectory,
  lowers: readonly RealDirectory[],
  stat: FileStat,
  isMoved = false,
): DirectoryNode {
  const { isUpper } = home.layer;
  const real = new RealDirectory(home.layer, home, name);
  const own = ownNumber(union, home, stat);
  const node = new DirectoryNode(
    union.nodes.newId(),
    dir,
    name,
    isUpper ? numberOfDirectory(union, own, lowers[0], isMoved) : union.numbers.ofLower(own),
    isUpper ? real : null,
    isUpper ? lowers : [real, ...lowers],
  );
  // Flags that are stored are read when they are needed.
  if (stat.protection === 0 && (!isUpper || union.dialect.protections === null)) node.protection = 0;
  union.nodes.add(node);
  stat.ino = node.ino;
  if (node.isMerged) stat.nlink = 1;
  return node;
}

/**
 * As {@link adoptDirectory}, of anything else. Names that lead to one file give the node that is there.
 * @param isNew it has just been made
 */
export function adoptFile(
  union: Union,
  dir: DirectoryNode,
  name: EntryName,
  home: RealDirectory,
  stat: FileStat,
  isNew = false,
): FileNode {
  const { isUpper } = home.layer;
  const several = stat.nlink > 1;
  const own = ownNumber(union, home, stat);
  const number =
    isNew || !isUpper ? knownNumber(union, own) : numberOfFile(union, dir, name, own, direntType(stat.mode));
  const group = several ? groupOf(union, dir, name, isUpper, number, stat) : null;
  const ino = group?.ino ?? number;
  const identity = group === null ? own : ino;
  stat.ino = ino;
  // Also with a link count of 1: the node may have been found by another name, which has been removed since.
  if (!isNew && (isUpper || group !== null)) {
    const linked = union.nodes.linkedFile(identity);
    if (linked !== undefined && leadsTo(linked, isUpper, group)) {
      if (linked.parent === null || isLikelyNext(union, linked, isUpper)) rename(union, linked, dir, name, home);
      if (!isUpper) linked.group?.noteLowerLinks(stat.nlink);
      if (linked.group !== null) statNode(union, linked, stat);
      else showStat(linked, stat);
      return linked;
    }
  }
  const node = new FileNode(union.nodes.newId(), dir, name, ino, isUpper, home, name);
  node.identity = identity;
  node.isCopy = isUpper && number !== own;
  if (!isNew && union.seeksData && isRegular(stat.mode)) {
    findData(union, node, dir, home, name);
    showStat(node, stat);
  }
  if (!isUpper && stat.protection === 0) node.protection = 0;
  union.nodes.add(node);
  if (several && (isUpper || group !== null)) union.nodes.share(node);
  if (group !== null) join(union, node, group, isUpper ? null : home, stat);
  return node;
}

/** The number of the real object in `home` with this stat, its copy-up not considered. */
function ownNumber(union: Union, { layer }: RealDirectory, stat: FileStat): number {
  if (!layer.isUpper) return union.numbers.ownOfLower(stat, layer, stat.ino);
  return union.numbers.own(stat.devMajor, stat.devMinor, stat.ino);
}

/** The number to show for a file without an origin: a new one, or one of a lower layer. */
function knownNumber(union: Union, own: number): number {
  // All names of a group show the number of its copy.
  if (union.links?.has(own) === true) return union.numbers.kept(own) ?? own;
  return union.numbers.ofLower(own);
}

/** What keeps the names of a file with several links together, if anything does. `stat` is its real one. */
function groupOf(
  union: Union,
  dir: DirectoryNode,
  name: EntryName,
  isUpper: boolean,
  ino: number,
  stat: FileStat,
): LinkGroup | null {
  const { links } = union;
  if (links === null) return null;
  if (!isUpper) return links.ofLower(ino, stat);
  const group = links.ofCopy(ino, stat.ino);
  if (group?.lowerLinks === null) findLowerLinks(union, group, dir, name);
  return group;
}

/** A copy most often hides the lower name that it was made of, which knows the link count. */
function findLowerLinks(union: Union, group: LinkGroup, dir: DirectoryNode, name: EntryName): void {
  for (const home of dir.lowers) {
    const presence = home.layer.reader.probe(union.fds.get(home), name, lower);
    if (presence === 'absent') continue;
    const own = union.numbers.ownOfLower(lower, home.layer, lower.ino);
    const same = presence === 'present' && (union.numbers.kept(own) ?? own) === group.ino;
    if (same && lower.nlink > 1) union.links?.ofLower(group.ino, lower);
    return;
  }
}

/**
 * Whether a node with the right number is that of another name which was found in the upper, or in a lower
 * layer.
 */
function leadsTo(linked: FileNode, isUpper: boolean, group: LinkGroup | null): boolean {
  if (isUpper) return linked.isUpper && linked.group === group;
  // A group that has no node or change yet is made anew for each name that is found.
  return linked.group !== null && linked.group.origin === group?.origin;
}

/**
 * A copy-up gives the copy the name that the node is known by; requests name nodes, so that the last one
 * asked for is it.
 */
function isLikelyNext(union: Union, node: FileNode, isUpper: boolean): boolean {
  if (node.isUpper && (isUpper || union.links?.countsNames !== true)) return false;
  return node.busy === 0;
}

/**
 * A new node of a file with several links: of the copy, if there is one, whichever of its names was found.
 * @param found the lower directory that has the name; null: it is one of the upper
 */
function join(union: Union, node: FileNode, group: LinkGroup, found: RealDirectory | null, stat: FileStat): void {
  node.group = group;
  if (union.links !== null && group.entry !== null) {
    if (found !== null && lacksOwnData(union, group.entry)) node.data ??= dataOf(union, found, node.name);
    node.isUpper = true;
    node.protection = null;
    node.isCopy = true;
    node.home = union.links.directory;
    node.realName = group.entry;
  }
  statNode(union, node, stat);
}

/** Whether the copy with this entry has attributes only. */
function lacksOwnData(union: Union, entry: EntryName): boolean {
  if (union.links === null || !union.seeksData) return false;
  const { directory } = union.links;
  return directory.layer.reader.marks(union.fds.get(directory), entry).metacopy !== null;
}

/** The data of a copy is that of each lower name of its file. */
function dataOf(union: Union, home: RealDirectory, name: EntryName): FileData {
  if (!statAt(union.fds.get(home), name, lower)) throw fsError(Errno.ESTALE, 'metacopy');
  return FileData.at(home, name, lower);
}

/** A linked file whose known name went away is reached by another of its names from now on. */
function rename(union: Union, node: FileNode, dir: DirectoryNode, name: EntryName, home: RealDirectory): void {
  union.nodes.move(node, dir, name);
  node.removed = false;
  if (node.group !== null && node.isUpper) return;
  node.home = home;
  node.realName = name;
  if (node.pin >= 0) close(node.pin);
  node.pin = -1;
}

/** Whether a lower layer would show `name` in `dir` if the upper did not hide it. */
export function lowerHas(union: Union, dir: DirectoryNode, name: EntryName): boolean {
  return lowerLinks(union, dir, name) > 0;
}

/** The link count of what a lower layer would show of `name` in `dir`; 0: nothing. */
export function lowerLinks(union: Union, dir: DirectoryNode, name: EntryName): number {
  const lowest = dir.lowers.at(-1);
  for (const home of dir.lowers) {
    const presence = nameInLayer(union, home, name, lower, home === lowest);
    if (presence !== 'absent') return presence === 'present' ? Math.max(1, lower.nlink) : 0;
  }
  return 0;
}
