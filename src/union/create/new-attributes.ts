/** The owner, mode and ACLs of a new object. */
import { setOwner } from '../../copyup/set-owner.js';
import { isDirectory, isSymlink, S_ISGID } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { modeWithin, withoutForeignIds } from '../../core/posix-acl.js';
import { ACL_ACCESS, ACL_DEFAULT } from '../../core/xattr-names.js';
import type { Caller } from '../../fuse/operations.js';
import { majorOf, minorOf } from '../../sys/files/inode-ops.js';
import { chmodObject, type ObjectRef } from '../../sys/files/object-ref.js';
import { findXattr, setXattr } from '../../sys/files/xattr.js';
import type { DirectoryNode } from '../nodes/node.js';
import { statReal } from '../objects/real-object.js';
import type { LayerStack } from '../state/layer-stack.js';
import type { Union } from '../state/union.js';
import { inheritAcl } from './default-acl.js';

const scratch = new FileStat();

/** The attributes of a new object. */
export interface NewAttributes {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  /** Access ACL to set, or null. */
  readonly access: Buffer | null;
  /** Default ACL that a new directory inherits, or null. */
  readonly inherited: Buffer | null;
}

/** The attributes of an object that `caller` makes in `dir`, which is in the upper. */
export function attributesFor(union: Union, dir: DirectoryNode, mode: number, caller: Caller): NewAttributes {
  statReal(union, dir, scratch);
  const { uid } = caller;
  const setgid = (scratch.mode & S_ISGID) !== 0;
  const gid = setgid ? scratch.gid : caller.gid;
  const withGroup = setgid && isDirectory(mode) ? mode | S_ISGID : mode;
  const defaultAcl = isSymlink(mode) ? null : defaultAclOf(union, dir);
  if (defaultAcl === null) return { uid, gid, mode: withGroup & ~caller.umask, access: null, inherited: null };
  const inherited = withoutForeignIds(defaultAcl);
  if (inherited !== defaultAcl) union.stack.writable().copyUp.warnOfCutAcl();
  const acl = inheritAcl(defaultAcl, withGroup);
  // inheritAcl has limited the mask to the requested mode before this. An entry that is removed here granted
  // no more than that mask, so others must not get more than it either.
  const access = acl.access && withoutForeignIds(acl.access);
  const granted = access === null ? acl.mode : modeWithin(acl.mode, access);
  return { uid, gid, mode: granted, access, inherited: isDirectory(mode) ? inherited : null };
}

/**
 * The default ACL of `dir`, which is in the upper, as it is on disk; null: it has none. The node caches the
 * ACL until it is changed.
 */
export function defaultAclOf(union: Union, dir: DirectoryNode): Buffer | null {
  if (!union.options.hasAcls || dir.top.layer.overrides !== null) return null;
  if (dir.defaultAcl === undefined) dir.defaultAcl = findXattr(union.fds.get(dir.top), '', ACL_DEFAULT);
  return dir.defaultAcl;
}

/**
 * Sets the attributes of a new object that is not visible yet. The owner is set first, because chown clears
 * mode bits.
 * @returns the object's mode on disk
 */
export function applyAttributes(stack: LayerStack, staged: ObjectRef, attributes: NewAttributes, rdev = 0): number {
  const { layer, copyUp } = stack.writable();
  const { overrides } = layer;
  const { uid, gid, access, inherited } = attributes;
  if (overrides !== null) {
    const { mode } = attributes;
    overrides.setAttributes(staged, { uid, gid, mode, rdevMajor: majorOf(rdev), rdevMinor: minorOf(rdev) });
    overrides.setPhysicalMode(staged, mode);
    return overrides.physicalMode(mode);
  }
  const mode = setOwner(staged, attributes, copyUp.squash);
  if (isSymlink(mode)) return mode;
  const { dirfd, name } = staged;
  if (access !== null) setXattr(dirfd, name, ACL_ACCESS, access);
  if (inherited !== null) setXattr(dirfd, name, ACL_DEFAULT, inherited);
  chmodObject(staged, mode & 0o7777);
  return mode;
}
