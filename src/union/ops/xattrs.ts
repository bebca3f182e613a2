import type { NodeId } from '../../core/brand.js';
import { Errno, fsError } from '../../core/errno.js';
import { S_ISGID } from '../../core/file-mode.js';
import { withoutForeignIds } from '../../core/posix-acl.js';
import { ACL_ACCESS, ACL_DEFAULT, CAPABILITY, isAcl, TRUSTED, XATTR_NAME_MAX } from '../../core/xattr-names.js';
import type { Caller } from '../../fuse/operations.js';
import { findXattr, getXattr, listXattrs, removeXattr, setXattr } from '../../sys/files/xattr.js';
import { isAdministrator } from '../../sys/rights/process-credentials.js';
import { escapeOverride, unescapeOverride } from '../../whiteout/overrides/override-names.js';
import type { StatOverrides } from '../../whiteout/overrides/stat-overrides.js';
import type { FileNode, UnionNode } from '../nodes/node.js';
import { assertChangeable } from '../objects/protection.js';
import { chmodReal, overridesOf, reachOf, statReal } from '../objects/real-object.js';
import { ensureUpper } from '../promote/promote.js';
import { copyUpDirectory } from '../promote/promote-directory.js';
import type { Union } from '../state/union.js';

/**
 * The xattr that holds `name` in a layer with these `overrides`; null: nothing can. EOPNOTSUPP for a name
 * that is too long when it is escaped (fs/overlayfs/xattrs.c:ovl_xattr_escape_name).
 */
export function nameOnDisk(union: Union, overrides: StatOverrides | null, name: string): string | null {
  const escaped = escapeOverride(name);
  const kept = overrides === null ? escaped : overrides.xattrOnDisk(escaped);
  if (kept === null) return null;
  const onDisk = union.dialect.xattrOnDisk(kept);
  if (onDisk.length > XATTR_NAME_MAX) throw fsError(Errno.EOPNOTSUPP, 'xattr');
  return onDisk;
}

/** As {@link nameOnDisk}, for a change. Throws EOPNOTSUPP if the layer cannot hold such an xattr. */
function nameToChange(union: Union, overrides: StatOverrides | null, name: string): string {
  const onDisk = nameOnDisk(union, overrides, name);
  if (onDisk === null) throw fsError(Errno.EOPNOTSUPP, 'xattr');
  return onDisk;
}

export function getxattr(union: Union, nodeid: NodeId, name: string): Buffer | null {
  const node = union.nodes.get(nodeid);
  const asksCapability = name === CAPABILITY && node.kind === 'file';
  if (asksCapability && node.lacksCapability) return null;
  const onDisk = nameOnDisk(union, overridesOf(union, node), name);
  if (onDisk === null) return null;
  const { fd, name: at } = reachOf(union, node);
  // On a layer without ACLs an object has no ACL (fs/overlayfs/inode.c:do_ovl_get_acl). The layer's
  // EOPNOTSUPP would become the result of the kernel's permission checks (fs/fuse/acl.c:__fuse_get_acl).
  const value = isAcl(name) ? findXattr(fd, at, onDisk) : getXattr(fd, at, onDisk);
  if (asksCapability) node.lacksCapability = value === null;
  // With an unknown id in an ACL the kernel's permission check would fail
  // (fs/posix_acl.c:posix_acl_from_xattr).
  return value !== null && isAcl(name) ? withoutForeignIds(value) : value;
}

/**
 * Names that the caller may see: `trusted.` ones only for those with CAP_SYS_ADMIN, as on any file system
 * (man xattr(7)).
 */
export function listxattr(union: Union, nodeid: NodeId, caller: Caller): string[] {
  const node = union.nodes.get(nodeid);
  const { fd, name } = reachOf(union, node);
  const shown: string[] = [];
  for (const onDisk of listXattrs(fd, name)) {
    const visible = nameShown(union, node, onDisk);
    if (visible !== null) shown.push(visible);
  }
  // Asked only where it matters.
  const hides = shown.some((visible) => visible.startsWith(TRUSTED)) && !isAdministrator(caller.pid);
  return hides ? shown.filter((visible) => !visible.startsWith(TRUSTED)) : shown;
}

function nameShown(union: Union, node: UnionNode, onDisk: string): string | null {
  const kept = union.dialect.xattrShown(onDisk);
  if (kept === null) return null;
  const overrides = overridesOf(union, node);
  const own = overrides === null ? kept : overrides.xattrShown(kept);
  return own === null ? null : unescapeOverride(own);
}

export function setxattr(
  union: Union,
  nodeid: NodeId,
  name: string,
  value: Buffer,
  flags: number,
  killSetGid: boolean,
): void {
  const node = union.nodes.get(nodeid);
  assertChangeable(union, node);
  const onDisk = nameToChange(union, union.writable().layer.overrides, name);
  // Throws EOPNOTSUPP if the upper has no ACLs, before the object is copied up in vain
  // (fs/overlayfs/inode.c:ovl_set_acl).
  if (isAcl(name) && !isUpper(node)) getXattr(union.writable().layer.root.fd, '', onDisk);
  toUpper(union, node);
  if (name === CAPABILITY && node.kind === 'file') node.lacksCapability = false;
  const { fd, name: at } = reachOf(union, node);
  setXattr(fd, at, onDisk, value, flags);
  noteBlocks(union, node);
  noteAcl(node, name);
  // A default ACL says nothing about the directory's own mode (fs/posix_acl.c:posix_acl_update_mode).
  if (killSetGid && name === ACL_ACCESS) {
    const { attr } = union.answer;
    statReal(union, node, attr);
    if ((attr.mode & S_ISGID) !== 0) chmodReal(union, node, attr.mode & 0o7777 & ~S_ISGID);
  }
}

export function removexattr(union: Union, nodeid: NodeId, name: string): void {
  const node = union.nodes.get(nodeid);
  assertChangeable(union, node);
  if (!isUpper(node)) {
    const below = nameToChange(union, overridesOf(union, node), name);
    // Taking away what is not there must not copy a file up (fs/overlayfs/xattrs.c:ovl_xattr_set). In the
    // upper its file system answers: an ACL that is not there can be taken away.
    const before = reachOf(union, node);
    if (getXattr(before.fd, before.name, below) === null) throw fsError(Errno.ENODATA, 'removexattr');
    toUpper(union, node);
  }
  const { overrides } = union.writable().layer;
  // Nor has a copy the ACL of what it was copied from, and taking away one that is not there is no error.
  if (overrides !== null && isAcl(name)) return;
  const onDisk = nameToChange(union, overrides, name);
  const { fd, name: at } = reachOf(union, node);
  removeXattr(fd, at, onDisk);
  noteBlocks(union, node);
  noteAcl(node, name);
  if (name === CAPABILITY) union.lostCapability = node;
}

/**
 * Extended attributes that do not fit into the inode take a block, but the kernel asks for ctime alone again
 * (fs/fuse/xattr.c:fuse_setxattr).
 */
function noteBlocks(union: Union, node: UnionNode): void {
  union.channel?.invalidateAttributes(node.id);
}

/**
 * Removes the file capability that `xattr_permissions` keeps in an xattr, because a write must remove it. A
 * capability of the real file is removed by the write itself.
 */
export function dropCapability(union: Union, node: FileNode): void {
  const overrides = overridesOf(union, node);
  if (overrides === null || node.lacksCapability) return;
  const onDisk = nameToChange(union, overrides, CAPABILITY);
  const { fd, name } = reachOf(union, node);
  if (getXattr(fd, name, onDisk) !== null) removeXattr(fd, name, onDisk);
  node.lacksCapability = true;
}

function isUpper(node: UnionNode): boolean {
  return node.kind === 'directory' ? node.upper !== null : node.isUpper;
}

function toUpper(union: Union, node: UnionNode): void {
  if (node.kind === 'directory') copyUpDirectory(union, node);
  else ensureUpper(union, node);
}

function noteAcl(node: UnionNode, name: string): void {
  if (node.kind === 'directory' && name === ACL_DEFAULT) node.defaultAcl = undefined;
}
