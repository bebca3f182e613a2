/**
 * Requests about the data of files. Paths are strings of fuse-native, numbers those of {@link OpenNumbers}.
 */
import { O_RDWR } from '../../../core/flags.js';
import { modeOfNew } from './path-names.js';
import { toBytes } from './text.js';
import type { Tree } from './tree.js';

export function open(tree: Tree, path: string, flags: number): number {
  const nodeid = tree.node(path);
  tree.operations.open(nodeid, flags, null);
  return tree.files.add(nodeid, flags);
}

/**
 * fuse-native does not pass the flags of open(2) on, so the file is opened with O_RDWR. This allows no access
 * too many: the kernel itself checks each use of the descriptor.
 */
export function create(tree: Tree, path: string, mode: number): number {
  const bytes = toBytes(path);
  const { parent, name } = tree.paths.parent(bytes);
  const { entry } = tree.operations.create(parent, name, { mode: modeOfNew(mode), flags: O_RDWR }, tree.caller);
  const { nodeid } = entry;
  tree.paths.adopt(bytes, entry);
  return tree.files.add(nodeid, O_RDWR);
}

export function release(tree: Tree, number: number): void {
  const { nodeid, flags } = tree.files.remove(number);
  tree.operations.release(nodeid, flags);
}

export function read(tree: Tree, number: number, into: Buffer, size: number, offset: number): number {
  return tree.operations.read(tree.files.get(number), into, 0, size, offset);
}

/** Clears no set-id bits: the kernel has cleared them with another request. */
export function write(tree: Tree, number: number, from: Buffer, size: number, offset: number): number {
  return tree.operations.write(tree.files.get(number), from, 0, size, offset, null);
}

export function fsync(tree: Tree, number: number, datasync: boolean): void {
  if (!tree.operations.noSync) tree.operations.fsync(tree.files.get(number), datasync);
}

export function fsyncdir(tree: Tree, path: string, datasync: boolean): void {
  if (!tree.operations.noSync) tree.operations.fsyncdir(tree.node(path), datasync);
}
