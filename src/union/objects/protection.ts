/**
 * Immutable and append-only objects. The kernel checks these inode flags for other file systems (fs/namei.c,
 * fs/attr.c, fs/xattr.c). It does not know them for FUSE, so the union makes the checks.
 *
 * A lower object has real flags. On an upper object, real flags would prevent the union from linking and
 * marking it. So `Dialect.protections` stores them in another form, which only the union enforces.
 *
 * An upper directory can have real flags too. Its file system enforces them, but only for the entries that it
 * contains itself. It permits the union to add a whiteout to an append-only directory, which removes a lower
 * entry. So the union enforces the real flags of an upper directory like stored ones.
 */
import { Errno, fsError } from '../../core/errno.js';
import { FileStat } from '../../core/file-stat.js';
import { FS_APPEND_FL, FS_IMMUTABLE_FL, O_ACCMODE, O_APPEND, O_RDONLY, O_TRUNC } from '../../core/flags.js';
import { clearForeignProtection } from '../../sys/rights/own-protection.js';
import type { DirectoryNode, UnionNode } from '../nodes/node.js';
import type { Union } from '../state/union.js';
import { refOf, statOnDisk, statReal } from './real-object.js';

const scratch = new FileStat();

/**
 * FS_IMMUTABLE_FL and FS_APPEND_FL, if `node` has them; stored in the node after the first call. Real flags
 * of an upper file are not included, because its file system enforces them.
 * @throws FsError with the errno of the layer if the flags cannot be read
 */
export function protectionOf(union: Union, node: UnionNode): number {
  if (node.protection === null) node.protection = readProtection(union, node);
  return node.protection;
}

function readProtection(union: Union, node: UnionNode): number {
  if (!isUpper(node)) return flagsOnDisk(union, node);
  const stored = storedFlags(union, node);
  return node.kind === 'directory' ? stored | flagsOnDisk(union, node) : stored;
}

function storedFlags(union: Union, node: UnionNode): number {
  const { protections } = union.stack.dialect;
  if (protections === null) return 0;
  const { dirfd, name } = refOf(union.fds, node);
  return protections.read(dirfd, name);
}

function flagsOnDisk(union: Union, node: UnionNode): number {
  statOnDisk(union.fds, node, scratch);
  if (scratch.protection === 0) return 0;
  const { dirfd, name } = refOf(union.fds, node);
  clearForeignProtection(dirfd, name, scratch);
  return scratch.protection;
}

function isUpper(node: UnionNode): boolean {
  return node.kind === 'directory' ? node.upper !== null : node.isUpper;
}

/**
 * Stats the real object of a node that is to be copied up. `into` has only the protection flags of the object
 * itself.
 */
export function statToCopy(union: Union, node: UnionNode, into: FileStat): void {
  statReal(union, node, into);
  if (into.protection !== 0) into.protection = protectionOf(union, node);
}

/** Throws EPERM if the content of a file, or the names in a directory, must not change (inode_permission). */
export function assertWritable(union: Union, node: UnionNode): void {
  refuse(union, node, FS_IMMUTABLE_FL, 'write');
}

/**
 * Throws EPERM if the attributes must not change and the object must not be linked (notify_change,
 * xattr_permission, vfs_link).
 */
export function assertChangeable(union: Union, node: UnionNode): void {
  refuse(union, node, FS_IMMUTABLE_FL | FS_APPEND_FL, 'change');
}

/** Throws EPERM if a name of `node` must not be removed from `dir` (may_delete). */
export function assertRemovable(union: Union, dir: UnionNode, node: UnionNode): void {
  refuse(union, dir, FS_IMMUTABLE_FL | FS_APPEND_FL, 'remove');
  refuse(union, node, FS_IMMUTABLE_FL | FS_APPEND_FL, 'remove');
}

/**
 * Throws EPERM if a whiteout in `dir` must not be replaced by a new object, because the directory has real
 * flags. If the dialect stores flags, they do not protect whiteouts, and the file system enforces real ones:
 * such a dialect replaces a whiteout in one step, which fails as a whole.
 */
export function assertWhiteoutRemovable(union: Union, dir: DirectoryNode): void {
  if (union.stack.dialect.protections === null) refuse(union, dir, FS_IMMUTABLE_FL | FS_APPEND_FL, 'remove');
}

/** Throws EPERM if the flags of the file forbid the open: an append-only file needs O_APPEND (may_open). */
export function assertMayOpen(union: Union, node: UnionNode, flags: number): void {
  const truncates = (flags & O_TRUNC) !== 0;
  const writes = (flags & O_ACCMODE) !== O_RDONLY;
  if (!truncates && !writes) return;
  const overwrites = truncates || (flags & O_APPEND) === 0;
  refuse(union, node, overwrites ? FS_IMMUTABLE_FL | FS_APPEND_FL : FS_IMMUTABLE_FL, 'open');
}

/** Whether the union must enforce that the file is only appended to. */
export function isAppendOnly(union: Union, node: UnionNode): boolean {
  return (protectionOf(union, node) & FS_APPEND_FL) !== 0;
}

function refuse(union: Union, node: UnionNode, by: number, syscall: string): void {
  if ((protectionOf(union, node) & by) !== 0) throw fsError(Errno.EPERM, syscall);
}
