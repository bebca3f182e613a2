/**
 * Immutable and append-only objects: the checks that the kernel makes for a file system whose inodes have
 * these flags (fs/namei.c, fs/attr.c, fs/xattr.c), and that it cannot make here, because FUSE tells it
 * nothing of them.
 *
 * A lower object has the flags themselves. On an upper object they would keep the union from linking and
 * marking it. There `Dialect.protections` stores them, and nobody but us enforces them.
 *
 * An upper directory can have real flags too. Its file system enforces them, but only on the entries that it
 * has itself. It lets the union add a whiteout to an append-only directory, by which a lower entry is
 * removed. So the real flags of an upper directory count here as the stored ones do.
 */
import { Errno, fsError } from '../../core/errno.js';
import { FileStat } from '../../core/file-stat.js';
import { FS_APPEND_FL, FS_IMMUTABLE_FL, O_ACCMODE, O_APPEND, O_RDONLY, O_TRUNC } from '../../core/flags.js';
import { keepOwnProtection } from '../../sys/rights/own-protection.js';
import type { DirectoryNode, UnionNode } from '../nodes/node.js';
import type { Union } from '../state/union.js';
import { refOf, statOnDisk, statReal } from './real-object.js';

const scratch = new FileStat();

/**
 * FS_IMMUTABLE_FL and FS_APPEND_FL, if `node` has them. The node remembers them. Real flags of an upper file
 * are not among them: its file system enforces these.
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
  const { dirfd, name } = refOf(union, node);
  return protections.read(dirfd, name);
}

function flagsOnDisk(union: Union, node: UnionNode): number {
  statOnDisk(union, node, scratch);
  if (scratch.protection === 0) return 0;
  const { dirfd, name } = refOf(union, node);
  keepOwnProtection(dirfd, name, scratch);
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
 * A whiteout in `dir` may be removed, to give its name to a new object. It may not if the upper's directory
 * is really append-only. Where flags are stored, they do not protect whiteouts, and real ones are left to the
 * file system: the dialect replaces a whiteout in one step, which fails as a whole.
 */
export function assertWhiteoutRemovable(union: Union, dir: DirectoryNode): void {
  if (union.stack.dialect.protections === null) refuse(union, dir, FS_IMMUTABLE_FL | FS_APPEND_FL, 'remove');
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
