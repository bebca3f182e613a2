import type { EntryName, NodeId } from '../../core/brand.js';
import { direntType } from '../../core/file-mode.js';
import type { Entry } from '../../fuse/operations.js';
import type { Made } from '../create/create-object.js';
import { adoptDirectory, adoptFile, lookup as find } from '../lookup/lookup.js';
import { noteAdded } from '../lookup/merge-directory.js';
import type { DirectoryNode, UnionNode } from '../nodes/node.js';
import { readlinkReal } from '../objects/real-object.js';
import type { Union } from '../state/union.js';
import { answerFor } from './attributes.js';

export function lookup(union: Union, parent: NodeId, name: EntryName): Entry | null {
  const dir = union.nodes.directory(parent);
  const node = find(union, dir, name, union.answer.attr);
  return node === null ? null : handOut(union, node);
}

/** The entry of a node whose attributes are in the shared answer; counts as one lookup. */
export function handOut(union: Union, node: UnionNode): Entry {
  node.nlookup++;
  return answerFor(union, node);
}

/** Hands out an object that was made at `name` of `dir`; its real stat is in the shared answer. */
export function handOutNew(
  union: Union,
  dir: DirectoryNode,
  name: EntryName,
  { home, lowers }: Pick<Made, 'home' | 'lowers'>,
  isDirectory: boolean,
): Entry {
  const { attr } = union.answer;
  const node = isDirectory
    ? adoptDirectory(union, dir, name, home, lowers, attr)
    : adoptFile(union, dir, name, home, attr, true);
  node.protection = 0;
  if (node.kind === 'directory') node.isComplete = true;
  else node.lacksCapability = true;
  noteAdded(union, dir, name, { ino: node.ino, type: direntType(attr.mode), home });
  return handOut(union, node);
}

export function readlink(union: Union, nodeid: NodeId): string {
  return readlinkReal(union, union.nodes.file(nodeid));
}
