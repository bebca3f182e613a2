/**
 * Creates an object at a free name, or in place of a whiteout, with the owner, mode and ACL that the kernel
 * gives a new object on ext4 (fs/inode.c:inode_init_owner).
 */
import { setOwner } from '../../copyup/set-owner.js';
import type { EntryName } from '../../core/brand.js';
import { Errno, fsError, isErrno } from '../../core/errno.js';
import { isDirectory, isSymlink, S_IFMT, S_ISGID } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { RENAME_NOREPLACE } from '../../core/flags.js';
import { modeWithin, withoutForeignIds } from '../../core/posix-acl.js';
import { ACL_ACCESS, ACL_DEFAULT } from '../../core/xattr-names.js';
import type { Caller } from '../../fuse/operations.js';
import { majorOf, minorOf, renameAt, unlinkAt } from '../../sys/files/inode-ops.js';
import { chmodObject, type ObjectRef } from '../../sys/files/object-ref.js';
import { close } from '../../sys/files/open.js';
import { findXattr, setXattr } from '../../sys/files/xattr.js';
import { ownGid, ownUid } from '../../sys/rights/own-ids.js';
import { moveKeepingMode } from '../../sys/rights/owner-permission.js';
import type { RealDirectory } from '../layers/layer.js';
import type { DirectoryNode } from '../nodes/node.js';
import { assertWhiteoutRemovable, assertWritable } from '../objects/protection.js';
import { statReal } from '../objects/real-object.js';
import { copyUpDirectory } from '../promote/promote-directory.js';
import type { Union } from '../state/union.js';
import { inheritAcl } from './default-acl.js';
import { hideLowerDirectories } from './hidden-names.js';

export interface NewObject {
  /** The requested type and permission bits, without the umask. */
  readonly mode: number;
  readonly rdev: number;
  /** Makes the object; EEXIST if `dirfd` contains `name` already. Returns an open fd of the object, or -1. */
  make(dirfd: number, name: string, mode: number): number;
}

export interface Made {
  /** The upper directory that contains the object now. */
  readonly home: RealDirectory;
  /** The fd that {@link NewObject.make} returned. The caller closes it. */
  readonly fd: number;
  /** Lower directories that a new directory merges with, top first. Whiteouts in it hide all their names. */
  readonly lowers: readonly RealDirectory[];
  /**
   * Removes the object, and restores the whiteout at its name, for a request that fails after the creation.
   */
  remove(): void;
}

const scratch = new FileStat();

/** Makes `object` at `name` of `dir`, which is copied up if necessary. EEXIST if the upper has the name. */
export function makeObject(union: Union, dir: DirectoryNode, name: EntryName, object: NewObject, caller: Caller): Made {
  union.checkName(name);
  assertWritable(union, dir);
  const refusal = union.dialect.refuseCreate(name, object.mode, object.rdev);
  if (refusal !== 0) throw fsError(refusal, 'create');
  const home = upperDirectory(union, dir);
  const dirfd = union.fds.get(home);
  const isServersOwn = caller.uid === ownUid && caller.gid === ownGid && home.layer.overrides === null;
  if (isServersOwn && !needsStaging(union, home, name, object.mode)) {
    try {
      const fd = object.make(dirfd, name, modeInPlace(union, dir, object.mode, caller));
      return made(union, home, name, object, { fd, lowers: [] }, false);
    } catch (error) {
      // The object at the name can be a whiteout. Then the name is free in the merged tree.
      if (!isErrno(error, 'EEXIST')) throw error;
    }
  }
  const hidden = home.layer.reader.probe(dirfd, name, scratch);
  if (hidden === 'present') throw fsError(Errno.EEXIST, 'create');
  if (hidden === 'whiteout') assertWhiteoutRemovable(union, dir);
  const staged = makeStaged(union, dir, name, object, caller, hidden === 'whiteout');
  return made(union, home, name, object, staged, hidden === 'whiteout');
}

/** @param hadWhiteout the object replaced a whiteout */
function made(
  union: Union,
  home: RealDirectory,
  name: EntryName,
  object: NewObject,
  result: Pick<Made, 'fd' | 'lowers'>,
  hadWhiteout: boolean,
): Made {
  const { hiding } = union.writable();
  return {
    home,
    ...result,
    remove(): void {
      const dirfd = union.fds.get(home);
      if (isDirectory(object.mode)) hiding.removeDirectory(dirfd, name, hadWhiteout);
      else if (hadWhiteout) hiding.removeAndHide(dirfd, name);
      else unlinkAt(dirfd, name);
    },
  };
}

/**
 * Whether the object must be made in the work directory and then moved, although it could be made at its name
 * without an error: a directory that must be opaque, or a whiteout that is not at the name itself.
 */
function needsStaging(union: Union, home: RealDirectory, name: EntryName, mode: number): boolean {
  if (isDirectory(mode) && union.dialect.opaqueMarks === 'always') return true;
  return hasSeparateWhiteout(union, home, name);
}

/**
 * Whether the upper has a whiteout of `name` that is not at the name itself, so that a creation there works.
 */
export function hasSeparateWhiteout(union: Union, home: RealDirectory, name: EntryName): boolean {
  if (union.dialect.whiteoutTakesName) return false;
  return home.layer.reader.probe(union.fds.get(home), name, scratch) === 'whiteout';
}

/** The upper directory of `dir`, copied up if necessary; ENOENT if `dir` was removed. */
export function upperDirectory(union: Union, dir: DirectoryNode): RealDirectory {
  if (dir.removed) throw fsError(Errno.ENOENT, 'create');
  return copyUpDirectory(union, dir);
}

/**
 * The mode for an object that is made at its name. The kernel applies a default ACL itself. Without a default
 * ACL the umask applies (man acl(5), OBJECT CREATION).
 */
function modeInPlace(union: Union, dir: DirectoryNode, mode: number, caller: Caller): number {
  return isSymlink(mode) || defaultAclOf(union, dir) !== null ? mode : mode & ~caller.umask;
}

/**
 * The default ACL of `dir`, which is in the upper, as it is on disk; null: it has none. The node caches the
 * ACL until it is changed.
 */
export function defaultAclOf(union: Union, dir: DirectoryNode): Buffer | null {
  if (!union.hasAcls || dir.top.layer.overrides !== null) return null;
  if (dir.defaultAcl === undefined) dir.defaultAcl = findXattr(union.fds.get(dir.top), '', ACL_DEFAULT);
  return dir.defaultAcl;
}

/** Makes the object in the work directory, gives it its attributes there, and moves it to its name. */
function makeStaged(
  union: Union,
  dir: DirectoryNode,
  name: EntryName,
  object: NewObject,
  caller: Caller,
  overWhiteout: boolean,
): Pick<Made, 'fd' | 'lowers'> {
  const { work, hiding, layer } = union.writable();
  const dirfd = union.fds.get(dir.upper as RealDirectory);
  const staged = work.temporaryName();
  let fd = -1;
  try {
    const type = (layer.overrides?.physicalMode(object.mode) ?? object.mode) & S_IFMT;
    fd = object.make(work.fd, staged, type | 0o700);
    const directory = isDirectory(object.mode);
    // Behind a whiteout there can be a lower directory, with which a new one must not merge. The mark is set
    // before the final mode, because a `user.` xattr needs write permission.
    const opaque = overWhiteout || union.dialect.opaqueMarks === 'always';
    const lowers = directory && opaque ? hideLowerDirectories(union, dir, name, staged) : [];
    const attributes = attributesFor(union, dir, object.mode, caller);
    const mode = applyAttributes(union, { dirfd: work.fd, name: staged }, attributes, object.rdev);
    moveKeepingMode({ dirfd: work.fd, name: staged }, { dirfd, name }, mode, () => {
      if (!overWhiteout) renameAt(work.fd, staged, dirfd, name, RENAME_NOREPLACE);
      else hiding.publishOverWhiteout(staged, dirfd, name, directory);
    });
    return { fd, lowers };
  } catch (error) {
    if (fd >= 0) close(fd);
    work.discard(staged);
    throw error;
  }
}

/**
 * Sets the attributes of a new object that is not visible yet. The owner is set first, because chown clears
 * mode bits.
 * @returns the object's mode on disk
 */
export function applyAttributes(union: Union, staged: ObjectRef, attributes: NewAttributes, rdev = 0): number {
  const { layer, copyUp } = union.writable();
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

export interface NewAttributes {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  /** Access ACL to set, or null. */
  readonly access: Buffer | null;
  /** Default ACL that a new directory takes over, or null. */
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
  if (inherited !== defaultAcl) union.writable().copyUp.noteCutAcl();
  const acl = inheritAcl(defaultAcl, withGroup);
  // After the mode has limited the mask, because an entry that is removed here granted no more than the mask.
  const access = acl.access && withoutForeignIds(acl.access);
  const granted = access === null ? acl.mode : modeWithin(acl.mode, access);
  return { uid, gid, mode: granted, access, inherited: isDirectory(mode) ? inherited : null };
}
