import type { NodeId } from '../../core/brand.js';
import { Errno, fsError } from '../../core/errno.js';
import { S_ISGID } from '../../core/file-mode.js';
import { withoutForeignIds } from '../../core/posix-acl.js';
import { ACL_ACCESS, ACL_DEFAULT, CAPABILITY, isAcl, TRUSTED, XATTR_NAME_MAX } from '../../core/xattr-names.js';
import type { Caller, SetXattrOptions } from '../../fuse/operations.js';
import { findXattr, getXattr, listXattrs, removeXattr, setXattr } from '../../sys/files/xattr.js';
import { isAdministrator } from '../../sys/rights/process-credentials.js';
import { escapeOverride, unescapeOverride } from '../../whiteout/overrides/override-names.js';
import type { StatOverrides } from '../../whiteout/overrides/stat-overrides.js';
import type { FileNode, UnionNode } from '../nodes/node.js';
import { assertChangeable } from '../objects/protection.js';
import { chmodReal, overridesOf, refOf, statReal } from '../objects/real-object.js';
import { ensureUpper } from '../promote/promote.js';
import { copyUpDirectory } from '../promote/promote-directory.js';
import type { LayerStack } from '../state/layer-stack.js';
import type { Kernel, Union } from '../state/union.js';

/**
 * The name by which a layer with these `overrides` stores the xattr `name`; null: it cannot store it. Throws
 * EOPNOTSUPP if the escaped name is too long (fs/overlayfs/xattrs.c:ovl_xattr_escape_name).
 */
export function nameOnDisk(stack: LayerStack, overrides: StatOverrides | null, name: string): string | null {
  const escaped = escapeOverride(name);
  const kept = overrides === null ? escaped : overrides.xattrOnDisk(escaped);
  if (kept === null) return null;
  const onDisk = stack.dialect.xattrOnDisk(kept);
  if (onDisk.length > XATTR_NAME_MAX) throw fsError(Errno.EOPNOTSUPP, 'xattr');
  return onDisk;
}

/** As {@link nameOnDisk}, for a change. Throws EOPNOTSUPP if the layer cannot hold such an xattr. */
function nameToChange(union: Union, overrides: StatOverrides | null, name: string): string {
  const onDisk = nameOnDisk(union.stack, overrides, name);
  if (onDisk === null) throw fsError(Errno.EOPNOTSUPP, 'xattr');
  return onDisk;
}

/** The value of an xattr; null: the object does not have it. */
export function getxattr(union: Union, nodeid: NodeId, name: string): Buffer | null {
  const node = union.nodes.get(nodeid);
  const asksCapability = name === CAPABILITY && node.kind === 'file';
  if (asksCapability && node.lacksCapability) return null;
  const onDisk = nameOnDisk(union.stack, overridesOf(union.stack, node), name);
  if (onDisk === null) return null;
  const { dirfd, name: at } = refOf(union.fds, node);
  // On a layer without ACLs an object has no ACL (fs/overlayfs/inode.c:do_ovl_get_acl). If the layer's
  // EOPNOTSUPP were returned, the kernel's permission checks would return it too
  // (fs/fuse/acl.c:__fuse_get_acl).
  const value = isAcl(name) ? findXattr(dirfd, at, onDisk) : getXattr(dirfd, at, onDisk);
  if (asksCapability) node.lacksCapability = value === null;
  // With an unknown id in an ACL the kernel's permission check would fail
  // (fs/posix_acl.c:posix_acl_from_xattr).
  return value !== null && isAcl(name) ? withoutForeignIds(value) : value;
}

/**
 * The xattr names that `caller` can see. A caller without CAP_SYS_ADMIN does not see `trusted.` names, as on
 * any file system (man xattr(7)).
 */
export function listxattr(union: Union, nodeid: NodeId, caller: Caller): string[] {
  const node = union.nodes.get(nodeid);
  const { dirfd, name } = refOf(union.fds, node);
  const shown: string[] = [];
  for (const onDisk of listXattrs(dirfd, name)) {
    const visible = nameShown(union, node, onDisk);
    if (visible !== null) shown.push(visible);
  }
  // The capability is looked up only if there is a name to hide.
  const hides = shown.some((visible) => visible.startsWith(TRUSTED)) && !isAdministrator(caller.pid);
  return hides ? shown.filter((visible) => !visible.startsWith(TRUSTED)) : shown;
}

/** The name that applications see for the xattr `onDisk`; null: they do not see it. */
function nameShown(union: Union, node: UnionNode, onDisk: string): string | null {
  const kept = union.stack.dialect.xattrShown(onDisk);
  if (kept === null) return null;
  const overrides = overridesOf(union.stack, node);
  const own = overrides === null ? kept : overrides.xattrShown(kept);
  return own === null ? null : unescapeOverride(own);
}

/**
 * Sets an xattr. With `killSetGid` an access ACL also clears set-gid, because the caller is not in the group.
 */
export function setxattr(
  union: Union,
  nodeid: NodeId,
  name: string,
  value: Buffer,
  { flags, killSetGid }: SetXattrOptions,
): void {
  const node = union.nodes.get(nodeid);
  assertChangeable(union, node);
  const onDisk = nameToChange(union, union.stack.writable().layer.overrides, name);
  // Throws EOPNOTSUPP if the upper has no ACLs, so that the object is not copied up for nothing
  // (fs/overlayfs/inode.c:ovl_set_acl).
  if (isAcl(name) && !isUpper(node)) getXattr(union.stack.writable().layer.root.fd, '', onDisk);
  ensureNodeUpper(union, node);
  if (name === CAPABILITY && node.kind === 'file') node.lacksCapability = false;
  const { dirfd, name: at } = refOf(union.fds, node);
  setXattr(dirfd, at, onDisk, value, flags);
  invalidateBlocks(union.kernel, node);
  forgetDefaultAcl(node, name);
  // A default ACL does not change the directory's own mode (fs/posix_acl.c:posix_acl_update_mode).
  if (killSetGid && name === ACL_ACCESS) {
    const { attr } = union.answer;
    statReal(union, node, attr);
    if ((attr.mode & S_ISGID) !== 0) chmodReal(union, node, attr.mode & 0o7777 & ~S_ISGID);
  }
}

/** Removes an xattr; ENODATA if the object does not have it. */
export function removexattr(union: Union, nodeid: NodeId, name: string): void {
  const node = union.nodes.get(nodeid);
  assertChangeable(union, node);
  if (!isUpper(node)) {
    const below = nameToChange(union, overridesOf(union.stack, node), name);
    // The removal of an xattr that the object does not have must not copy it up
    // (fs/overlayfs/xattrs.c:ovl_xattr_set). For an upper object its file system decides: it may remove an
    // ACL that the object does not have without an error.
    const before = refOf(union.fds, node);
    if (getXattr(before.dirfd, before.name, below) === null) throw fsError(Errno.ENODATA, 'removexattr');
    ensureNodeUpper(union, node);
  }
  const { overrides } = union.stack.writable().layer;
  // With overrides a copy has no ACL, and the removal of an ACL that an object does not have is no error.
  if (overrides !== null && isAcl(name)) return;
  const onDisk = nameToChange(union, overrides, name);
  const { dirfd, name: at } = refOf(union.fds, node);
  removeXattr(dirfd, at, onDisk);
  invalidateBlocks(union.kernel, node);
  forgetDefaultAcl(node, name);
  if (name === CAPABILITY) union.kernel.lostCapability = node;
}

/**
 * Invalidates the attributes that the kernel has cached, after an xattr was changed. An xattr that does not
 * fit into the inode takes a block, but the kernel asks only for ctime again (fs/fuse/xattr.c:fuse_setxattr).
 */
function invalidateBlocks(kernel: Kernel, node: UnionNode): void {
  kernel.channel?.invalidateAttributes(node.id);
}

/**
 * Removes a file capability that `xattr_permissions` keeps in an xattr, before a write: a write must remove
 * it, and removes only a capability of the real file itself.
 */
export function dropCapability(union: Union, node: FileNode): void {
  const overrides = overridesOf(union.stack, node);
  if (overrides === null || node.lacksCapability) return;
  const onDisk = nameToChange(union, overrides, CAPABILITY);
  const { dirfd, name } = refOf(union.fds, node);
  if (getXattr(dirfd, name, onDisk) !== null) removeXattr(dirfd, name, onDisk);
  node.lacksCapability = true;
}

function isUpper(node: UnionNode): boolean {
  return node.kind === 'directory' ? node.upper !== null : node.isUpper;
}

function ensureNodeUpper(union: Union, node: UnionNode): void {
  if (node.kind === 'directory') copyUpDirectory(union, node);
  else ensureUpper(union, node);
}

/** Makes the node read the default ACL again after it was changed. */
function forgetDefaultAcl(node: UnionNode, name: string): void {
  if (node.kind === 'directory' && name === ACL_DEFAULT) node.defaultAcl = undefined;
}
