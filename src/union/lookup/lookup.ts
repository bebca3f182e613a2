/**
 * Looks up a name of a merged directory by the merge rules (fs/overlayfs/namei.c:ovl_lookup). The topmost
 * layer that has the name determines the object. A directory is merged with the directories of the same name
 * below it, down to an opaque one, or to a whiteout or another object.
 *
 * ENOENT and ENAMETOOLONG in one layer mean "not in this layer". With any other errno the lookup fails: the
 * object of the layer below would be the wrong one.
 */
import type { EntryName } from '../../core/brand.js';
import { isDirectory } from '../../core/file-mode.js';
import type { FileStat } from '../../core/file-stat.js';
import type { RealDirectory } from '../layers/layer.js';
import type { DirectoryNode, UnionNode } from '../nodes/node.js';
import { statNode } from '../objects/real-object.js';
import type { Union } from '../state/union.js';
import { nodeOfDirectory } from './directory-node.js';
import { nodeOfFile } from './file-node.js';
import { nameInLayer } from './name-in-layer.js';

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
  union.stack.checkName(name);
  if (dir.removed || dir.isComplete) return null;
  if (dir.upper !== null) {
    const presence = nameInLayer(union, dir.upper, name, into, dir.lowers.length === 0);
    if (presence === 'whiteout') return null;
    if (presence === 'present') return nodeOfFound(union, dir, name, dir.upper, into);
  }
  return lookupLower(union, dir, name, into);
}

function lookupLower(union: Union, dir: DirectoryNode, name: EntryName, into: FileStat): UnionNode | null {
  const lowest = dir.lowers.at(-1);
  for (const home of dir.lowers) {
    const presence = nameInLayer(union, home, name, into, home === lowest);
    if (presence === 'whiteout') return null;
    if (presence === 'present') return nodeOfFound(union, dir, name, home, into);
  }
  return null;
}

function nodeOfFound(
  union: Union,
  dir: DirectoryNode,
  name: EntryName,
  home: RealDirectory,
  stat: FileStat,
): UnionNode {
  if (!isDirectory(stat.mode)) return nodeOfFile(union, dir, name, home, stat);
  return nodeOfDirectory(union, { dir, name, home, listed: null }, stat);
}
