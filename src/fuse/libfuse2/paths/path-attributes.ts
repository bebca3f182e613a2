/** Requests about attributes. Paths are strings of fuse-native. */
import { Errno, fsError } from '../../../core/errno.js';
import type { AttributeChange, TimeChange } from '../../operations.js';
import { type Libfuse2StatFs, libfuse2StatFs, statWords } from './stat.js';
import { toBytes } from './text.js';
import type { Tree } from './tree.js';

export function getattr(tree: Tree, path: string): Uint32Array {
  const bytes = toBytes(path);
  const hidden = tree.hidden.get(bytes);
  if (hidden !== undefined) return statWords(tree.operations.getattr(hidden).attr, tree.numbers);
  return tree.paths.attributes(bytes, (attr) => statWords(attr, tree.numbers));
}

export function fgetattr(tree: Tree, number: number): Uint32Array {
  return statWords(tree.operations.getattr(tree.files.get(number)).attr, tree.numbers);
}

function change(tree: Tree, path: string, wanted: AttributeChange): void {
  tree.operations.setattr(tree.node(path), wanted, tree.caller);
}

export function chmod(tree: Tree, path: string, mode: number): void {
  change(tree, path, { mode: mode & 0o7777 });
}

/** (uid_t)-1 and (gid_t)-1: the owner or group stays as it is. */
const KEEP = 0xffff_ffff;

export function chown(tree: Tree, path: string, uid: number, gid: number): void {
  change(tree, path, { ...(uid === KEEP ? {} : { uid }), ...(gid === KEEP ? {} : { gid }) });
}

export function truncate(tree: Tree, path: string, size: number): void {
  change(tree, path, { size });
}

export function ftruncate(tree: Tree, number: number, size: number): void {
  tree.operations.setattr(tree.files.get(number), { size }, tree.caller);
}

function timeOf(milliseconds: bigint): TimeChange {
  const nsec = Number(((milliseconds % 1000n) + 1000n) % 1000n) * 1e6;
  return { sec: Math.floor(Number(milliseconds) / 1000), nsec };
}

/** Times are milliseconds since the epoch. `mtime` undefined: it could not be read. */
export function utimens(tree: Tree, path: string, atime: bigint, mtime: bigint | undefined): void {
  if (mtime === undefined) throw fsError(Errno.EOPNOTSUPP, 'utimens');
  change(tree, path, { atime: timeOf(atime), mtime: timeOf(mtime) });
}

export function statfs(tree: Tree, path: string): Libfuse2StatFs {
  return libfuse2StatFs(tree.operations.statfs(tree.node(path)));
}
