/** Requests about extended attributes. Paths and names are strings of fuse-native. */
import { Errno, fsError } from '../../../core/errno.js';
import { toBytes } from './text.js';
import type { Tree } from './tree.js';

/** Copies `value` to `into`, unless that is empty. Returns how many bytes `value` has. */
function fill(into: Buffer, value: Buffer): number {
  if (into.length === 0) return value.length;
  if (value.length > into.length) throw fsError(Errno.ERANGE, 'xattr');
  return value.copy(into);
}

export function getxattr(tree: Tree, path: string, name: string, into: Buffer): number {
  const value = tree.operations.getxattr(tree.node(path), toBytes(name));
  if (value === null) throw fsError(Errno.ENODATA, 'getxattr');
  return fill(into, value);
}

export function listxattr(tree: Tree, path: string, into: Buffer): number {
  const names = tree.operations.listxattr(tree.node(path), tree.caller);
  return fill(into, Buffer.from(names.map((name) => `${name}\0`).join(''), 'latin1'));
}

export function setxattr(tree: Tree, path: string, name: string, value: Buffer, flags: number): void {
  tree.operations.setxattr(tree.node(path), toBytes(name), value, { flags, killSetGid: false });
}

export function removexattr(tree: Tree, path: string, name: string): void {
  tree.operations.removexattr(tree.node(path), toBytes(name));
}
