/**
 * Looks up a name of a merged directory by the merge rules (fs/overlayfs/namei.c:ovl_lookup). The topmost
 * layer that has the name determines the object. A directory is merged with the directories of the same name
 * below it, down to an opaque one, or to a whiteout or another object.
 *
 * ENOENT and ENAMETOOLONG in one layer mean "not in this layer". With any other errno the lookup fails: the
 * object of the layer below would be the wrong one.
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
 * The node of `name` in `dir`; null if the union has no such name. Stores the node's attributes in `into`.
 * This does not count a lookup: unless the caller does, the node is freed at the next release.
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
 * The new node of a directory, merged with its parts in the layers below.
 * @param home the topmost real directory of `dir` that contains it
 * @param listed real directories of `dir` below `home` that are known to contain a directory of this name,
 * top first; null: not known
 * @param stat the real stat of the topmost part; replaced by the attributes to show
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
 * The new node of a directory whose parts are known.
 * @param lowers its real directories in the layers below, top first
 * @param stat its real stat; replaced by the attributes to show
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
  // Protection flags that the dialect stores are read when they are needed.
  if (stat.protection === 0 && (!isUpper || union.dialect.protections === null)) node.protection = 0;
  union.nodes.add(node);
  stat.ino = node.ino;
  if (node.isMerged) stat.nlink = 1;
  return node;
}

/**
 * The node of an object that is not a directory. If another name of the same file has a node, that node.
 * @param stat its real stat; replaced by the attributes to show
 * @param isNew the file was just created
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
  // Also with a link count of 1: the file may have a node from another name, which was removed since.
  if (!isNew && (isUpper || group !== null)) {
    const linked = union.nodes.linkedFile(identity);
    if (linked !== undefined && leadsTo(linked, isUpper, group)) {
      if (linked.parent === null || takesLatestName(union, linked, isUpper))
        renameLinked(union, linked, dir, name, home);
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
  if (group !== null) joinGroup(union, node, group, isUpper ? null : home, stat);
  return node;
}

/** The own number of the real object in `home` with this stat, as if nothing had been copied up. */
function ownNumber(union: Union, { layer }: RealDirectory, stat: FileStat): number {
  if (!layer.isUpper) return union.numbers.ownOfLower(stat, layer, stat.ino);
  return union.numbers.own(stat.devMajor, stat.devMinor, stat.ino);
}

/** The number to show for a file that is no copy of a lower one: a new file, or one in a lower layer. */
function knownNumber(union: Union, own: number): number {
  // All names of a group show the number of its copy.
  if (union.links?.has(own) === true) return union.numbers.kept(own) ?? own;
  return union.numbers.ofLower(own);
}

/** The group of a file with several links; null: the mount does not keep links. @param stat its real stat */
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

/**
 * Reads the lower link count of a group, if the lower file is at `name` of `dir` too. A copy usually hides
 * the lower name that it was copied from.
 */
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
 * Whether `linked`, a node with the right number, is the node of the file that was found.
 * @param isUpper the file was found in the upper
 */
function leadsTo(linked: FileNode, isUpper: boolean, group: LinkGroup | null): boolean {
  if (isUpper) return linked.isUpper && linked.group === group;
  // For a lower file that was not changed yet, each name that is found gets a new group.
  return linked.group !== null && linked.group.origin === group?.origin;
}

/**
 * Whether the node is to be known by the name that was just looked up. The copy gets the name that the node
 * is known by. A request names a node, not a name, so that the name looked up last is the likeliest to be
 * meant.
 */
function takesLatestName(union: Union, node: FileNode, isUpper: boolean): boolean {
  if (node.isUpper && (isUpper || union.links?.countsNames !== true)) return false;
  return node.busy === 0;
}

/**
 * Adds a new node of a file with several links to its group. If the group has a copy, the node is that of the
 * copy, also if a lower name was found.
 * @param found the lower directory that contains the name; null: the name was found in the upper
 */
function joinGroup(union: Union, node: FileNode, group: LinkGroup, found: RealDirectory | null, stat: FileStat): void {
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

/** Whether the copy with this entry is a metacopy. */
function lacksOwnData(union: Union, entry: EntryName): boolean {
  if (union.links === null || !union.seeksData) return false;
  const { directory } = union.links;
  return directory.layer.reader.marks(union.fds.get(directory), entry).metacopy !== null;
}

/** The data of the lower file `name` in `home`, which is also that of the file's copy. */
function dataOf(union: Union, home: RealDirectory, name: EntryName): FileData {
  if (!statAt(union.fds.get(home), name, lower)) throw fsError(Errno.ESTALE, 'metacopy');
  return FileData.at(home, name, lower);
}

/** Makes the node of a file with several links known by another of its names. */
function renameLinked(union: Union, node: FileNode, dir: DirectoryNode, name: EntryName, home: RealDirectory): void {
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

/** The link count of the lower object that `name` in `dir` would show without the upper; 0: there is none. */
export function lowerLinks(union: Union, dir: DirectoryNode, name: EntryName): number {
  const lowest = dir.lowers.at(-1);
  for (const home of dir.lowers) {
    const presence = nameInLayer(union, home, name, lower, home === lowest);
    if (presence !== 'absent') return presence === 'present' ? Math.max(1, lower.nlink) : 0;
  }
  return 0;
}
