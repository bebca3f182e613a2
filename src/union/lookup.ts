/**
 * Finds what a name of a merged directory is: the merge rules (fs/overlayfs/namei.c:ovl_lookup). The topmost layer that
 * has the name decides; a directory goes on collecting directories of the same name below it until an opaque one, a
 * whiteout or something that is no directory.
 *
 * ENOENT and ENAMETOOLONG in one layer mean "not in this layer"; any other errno fails the lookup, because showing the
 * layer below instead would be showing a wrong tree.
 */
import type { EntryName } from '../core/brand.js';
import { displayName } from '../core/entry-name.js';
import { Errno, fsError } from '../core/errno.js';
import { isDirectory } from '../core/file-mode.js';
import { FileStat } from '../core/file-stat.js';
import { close } from '../sys/open.js';
import { RealDirectory } from './layer.js';
import { DirectoryNode, FileNode, type UnionNode } from './node.js';
import { statNode } from './real-object.js';
import type { Union } from './union.js';

const lower = new FileStat();

/**
 * The node of `name` in `dir`, and its attributes in `into`; null if the union has no such name.
 * The node is not held by this: it lives until the next release unless a lookup is counted.
 */
export function lookup(union: Union, dir: DirectoryNode, name: EntryName, into: FileStat): UnionNode | null {
  const known = dir.children.get(name);
  if (known !== undefined) {
    statNode(union, known, into);
    return known;
  }
  if (dir.removed) return null;
  if (dir.upper !== null) {
    const presence = dir.upper.layer.reader.probe(union.fds.get(dir.upper), name, into);
    if (presence === 'whiteout') return null;
    if (presence === 'present') return found(union, dir, name, dir.upper, dir.lowers, into);
  }
  return lookupLower(union, dir, name, into);
}

function lookupLower(union: Union, dir: DirectoryNode, name: EntryName, into: FileStat): UnionNode | null {
  const { lowers } = dir;
  for (let i = 0; i < lowers.length; i++) {
    const home = lowers[i] as RealDirectory;
    const presence = home.layer.reader.probe(union.fds.get(home), name, into);
    if (presence === 'whiteout') return null;
    if (presence === 'present') return found(union, dir, name, home, lowers.slice(i + 1), into);
  }
  return null;
}

/** `name` was found in `home`; `rest` are the real directories of the parent that lie below. */
function found(
  union: Union,
  dir: DirectoryNode,
  name: EntryName,
  home: RealDirectory,
  rest: readonly RealDirectory[],
  stat: FileStat,
): UnionNode {
  if (!isDirectory(stat.mode)) return adoptFile(union, dir, name, home, stat);
  const below: RealDirectory[] = [];
  if (rest.length > 0 && !home.layer.reader.isOpaque(union.fds.get(home), name)) {
    for (let i = 0; i < rest.length; i++) {
      const other = rest[i] as RealDirectory;
      const presence = other.layer.reader.probe(union.fds.get(other), name, lower);
      if (presence === 'absent') continue;
      if (presence === 'whiteout' || !isDirectory(lower.mode)) break;
      below.push(other);
      if (i + 1 < rest.length && other.layer.reader.isOpaque(union.fds.get(other), name)) break;
    }
  }
  return adoptDirectory(union, dir, name, home, below, stat);
}

/**
 * The node of a directory that a listing has found: `candidates` hold a directory of this name too; the topmost opaque
 * one ends the stack.
 */
export function lookupListedDirectory(
  union: Union,
  dir: DirectoryNode,
  name: EntryName,
  home: RealDirectory,
  candidates: readonly RealDirectory[] | null,
  stat: FileStat,
): DirectoryNode {
  const below: RealDirectory[] = [];
  if (candidates !== null && !home.layer.reader.isOpaque(union.fds.get(home), name)) {
    for (let i = 0; i < candidates.length; i++) {
      const other = candidates[i] as RealDirectory;
      below.push(other);
      if (i + 1 < candidates.length && other.layer.reader.isOpaque(union.fds.get(other), name)) break;
    }
  }
  return adoptDirectory(union, dir, name, home, below, stat);
}

/** Makes a node of a directory whose real stat is `stat`; leaves in `stat` what is shown. */
export function adoptDirectory(
  union: Union,
  dir: DirectoryNode,
  name: EntryName,
  home: RealDirectory,
  below: readonly RealDirectory[],
  stat: FileStat,
): DirectoryNode {
  const { isUpper } = home.layer;
  const feature = home.layer.reader.unreadableFeature(union.fds.get(home), name);
  if (feature !== null) {
    union.log(
      `${displayName(name)}: the layer has only a part of this directory (${feature}), which plyfs cannot read`,
    );
    throw fsError(Errno.EPERM, 'lookup');
  }
  const real = new RealDirectory(home.layer, home, name);
  const lowers = below.map((other) => new RealDirectory(other.layer, other, name));
  const node = new DirectoryNode(
    union.nodes.newId(),
    dir,
    name,
    union.numbers.shown(stat.devMajor, stat.devMinor, stat.ino),
    isUpper ? real : null,
    isUpper ? lowers : [real, ...lowers],
  );
  union.nodes.add(node);
  stat.ino = node.ino;
  if (node.isMerged) stat.nlink = 1;
  return node;
}

/** As {@link adoptDirectory}, of anything else. Other names of a linked upper file give the node that is there. */
export function adoptFile(
  union: Union,
  dir: DirectoryNode,
  name: EntryName,
  home: RealDirectory,
  stat: FileStat,
): FileNode {
  const ino = union.numbers.shown(stat.devMajor, stat.devMinor, stat.ino);
  const { isUpper } = home.layer;
  stat.ino = ino;
  const shared = isUpper && stat.nlink > 1;
  if (shared) {
    const linked = union.nodes.linkedFile(ino);
    if (linked !== undefined) {
      if (linked.parent === null) rename(union, linked, dir, name, home);
      return linked;
    }
  }
  const node = new FileNode(union.nodes.newId(), dir, name, ino, isUpper, home, name);
  union.nodes.add(node);
  if (shared) union.nodes.share(node);
  return node;
}

/** A linked file whose known name went away is reached by another of its names from now on. */
function rename(union: Union, node: FileNode, dir: DirectoryNode, name: EntryName, home: RealDirectory): void {
  union.nodes.move(node, dir, name);
  node.home = home;
  node.realName = name;
  node.removed = false;
  if (node.pin >= 0) close(node.pin);
  node.pin = -1;
}

/** Whether a lower layer would show `name` in `dir` if the upper did not hide it. */
export function lowerHas(union: Union, dir: DirectoryNode, name: EntryName): boolean {
  for (const home of dir.lowers) {
    const presence = home.layer.reader.probe(union.fds.get(home), name, lower);
    if (presence !== 'absent') return presence === 'present';
  }
  return false;
}
