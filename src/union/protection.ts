/**
 * Immutable and append-only objects: the checks that the kernel makes for a file system whose inodes have these flags
 * (fs/namei.c, fs/attr.c, fs/xattr.c), and that it cannot make here, because FUSE tells it nothing of them.
 *
 * A lower object has the flags themselves. On an upper one they would stand in the way of the union itself, which has
 * to link it and mark it; there `Dialect.protections` keeps them, and it takes care of nobody but us.
 */
import { Errno, fsError } from '../core/errno.js';
import { FileStat } from '../core/file-stat.js';
import { FS_APPEND_FL, FS_IMMUTABLE_FL, O_ACCMODE, O_APPEND, O_RDONLY, O_TRUNC } from '../core/flags.js';
import { keepOwnProtection } from '../sys/own-protection.js';
import type { UnionNode } from './node.js';
import { reachOf, statReal } from './real-object.js';
import type { Union } from './union.js';

const scratch = new FileStat();

/**
 * FS_IMMUTABLE_FL and FS_APPEND_FL, as far as `node` has them. Real flags of an upper object are its file system's
 * care.
 */
export function protectionOf(union: Union, node: UnionNode): number {
  if (node.protection === null) node.protection = readProtection(union, node);
  return node.protection;
}

function readProtection(union: Union, node: UnionNode): number {
  if (!isUpper(node)) return flagsOnDisk(union, node);
  const { protections } = union.dialect;
  if (protections === null) return 0;
  const { fd, name } = reachOf(union, node);
  return protections.read(fd, name);
}

function flagsOnDisk(union: Union, node: UnionNode): number {
  statReal(union, node, scratch);
  const { fd, name } = reachOf(union, node);
  keepOwnProtection(fd, name, scratch);
  return scratch.protection;
}

function isUpper(node: UnionNode): boolean {
  return node.kind === 'directory' ? node.upper !== null : node.isUpper;
}

/**
 * Stats the real object of a node that is to be copied up. `into` has only the protection flags of the object itself.
 */
export function statToCopy(union: Union, node: UnionNode, into: FileStat): void {
  statReal(union, node, into);
  if (into.protection !== 0) into.protection = protectionOf(union, node);
}

/** Content may change, or the names in a directory (inode_permission with MAY_WRITE). */
export function assertWritable(union: Union, node: UnionNode): void {
  refuse(union, node, FS_IMMUTABLE_FL, 'write');
}

/** Attributes may change, and the object may be linked (notify_change, xattr_permission, vfs_link). */
export function assertChangeable(union: Union, node: UnionNode): void {
  refuse(union, node, FS_IMMUTABLE_FL | FS_APPEND_FL, 'change');
}

/** A name of `node` may be taken from `dir` (may_delete). */
export function assertRemovable(union: Union, dir: UnionNode, node: UnionNode): void {
  refuse(union, dir, FS_IMMUTABLE_FL | FS_APPEND_FL, 'remove');
  refuse(union, node, FS_IMMUTABLE_FL | FS_APPEND_FL, 'remove');
}

/**
 * To be called before the union fails with an errno of its own. Throws EPERM if the file system of the upper would have
 * failed with it first, because the inode flags of `dir` or `node` forbid the removal (fs/namei.c:may_delete). Only
 * then, because it costs a system call.
 */
export function assertRemovableOnDisk(union: Union, dir: UnionNode, node: UnionNode): void {
  refuseOnDisk(union, dir, FS_IMMUTABLE_FL | FS_APPEND_FL);
  refuseOnDisk(union, node, FS_IMMUTABLE_FL | FS_APPEND_FL);
}

/** As {@link assertRemovableOnDisk}, for a new name in `dir` (may_create). */
export function assertWritableOnDisk(union: Union, dir: UnionNode): void {
  refuseOnDisk(union, dir, FS_IMMUTABLE_FL);
}

function refuseOnDisk(union: Union, node: UnionNode, by: number): void {
  if (isUpper(node) && (flagsOnDisk(union, node) & by) !== 0) throw fsError(Errno.EPERM, 'remove');
}

/** An append-only file is opened for writing by those who append (may_open). */
export function assertMayOpen(union: Union, node: UnionNode, flags: number): void {
  const truncates = (flags & O_TRUNC) !== 0;
  const writes = (flags & O_ACCMODE) !== O_RDONLY;
  if (!truncates && !writes) return;
  const overwrites = truncates || (flags & O_APPEND) === 0;
  refuse(union, node, overwrites ? FS_IMMUTABLE_FL | FS_APPEND_FL : FS_IMMUTABLE_FL, 'open');
}

export function isAppendOnly(union: Union, node: UnionNode): boolean {
  return (protectionOf(union, node) & FS_APPEND_FL) !== 0;
}

function refuse(union: Union, node: UnionNode, by: number, syscall: string): void {
  if ((protectionOf(union, node) & by) !== 0) throw fsError(Errno.EPERM, syscall);
}
