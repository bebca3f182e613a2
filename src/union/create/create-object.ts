/**
 * Making an object that is new to the union, with the owner, mode and ACL that the kernel would give it on
 * ext4 (fs/inode.c:inode_init_owner), at a free name or over a whiteout.
 */
import { setOwner } from '../../copyup/set-owner.js';
import type { StagedObject } from '../../copyup/staged-object.js';
import type { EntryName } from '../../core/brand.js';
import { Errno, fsError, isErrno } from '../../core/errno.js';
import { isDirectory, isSymlink, S_IFMT, S_ISGID } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { RENAME_NOREPLACE } from '../../core/flags.js';
import { modeWithin, withoutForeignIds } from '../../core/posix-acl.js';
import { ACL_ACCESS, ACL_DEFAULT } from '../../core/xattr-names.js';
import type { Caller } from '../../fuse/operations.js';
import { chmodAt, chmodFd, majorOf, minorOf, renameAt, unlinkAt } from '../../sys/files/inode-ops.js';
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
import { closeNew } from './hidden-names.js';

export interface NewObject {
  /** Type and permission bits asked for, umask not applied. */
  readonly mode: number;
  readonly rdev: number;
  /** Makes the object at a name that must be free (EEXIST). Returns an open fd of it, or -1. */
  make(dirfd: number, name: string, mode: number): number;
}

export interface Made {
  /** The upper directory that has the object now. */
  readonly home: RealDirectory;
  /** What {@link NewObject.make} returned; the caller's. */
  readonly fd: number;
  /** Lower directories that a new directory merges with, top first; whiteouts in it hide all their names. */
  readonly lowers: readonly RealDirectory[];
  /** Takes it away again, for when the rest of the request fails: what was at its name is there again. */
  remove(): void;
}

const scratch = new FileStat();

/**
 * Makes `object` at `name` of `dir`, which is copied up if need be. EEXIST if the upper has something there.
 */
export function makeObject(union: Union, dir: DirectoryNode, name: EntryName, object: NewObject, caller: Caller): Made {
  union.checkName(name);
  assertWritable(union, dir);
  const refusal = union.dialect.refuseCreate(name, object.mode, object.rdev);
  if (refusal !== 0) throw fsError(refusal, 'create');
  const home = placeFor(union, dir);
  const dirfd = union.fds.get(home);
  const asWeAre = caller.uid === ownUid && caller.gid === ownGid && home.layer.overrides === null;
  if (asWeAre && !needsStaging(union, home, name, object.mode)) {
    try {
      const fd = object.make(dirfd, name, modeInPlace(union, dir, object.mode, caller));
      return made(union, home, name, object, { fd, lowers: [] }, false);
    } catch (error) {
      // Perhaps a whiteout: the name is free as far as the caller can see.
      if (!isErrno(error, 'EEXIST')) throw error;
    }
  }
  const hidden = home.layer.reader.probe(dirfd, name, scratch);
  if (hidden === 'present') throw fsError(Errno.EEXIST, 'create');
  if (hidden === 'whiteout') assertWhiteoutRemovable(union, dir);
  const staged = makeStaged(union, dir, name, object, caller, hidden === 'whiteout');
  return made(union, home, name, object, staged, hidden === 'whiteout');
}

/** @param hid the name had a whiteout */
function made(
  union: Union,
  home: RealDirectory,
  name: EntryName,
  object: NewObject,
  result: Pick<Made, 'fd' | 'lowers'>,
  hid: boolean,
): Made {
  const { hiding } = union.writable();
  return {
    home,
    ...result,
    remove(): void {
      const dirfd = union.fds.get(home);
      if (isDirectory(object.mode)) hiding.removeDirectory(dirfd, name, hid);
      else if (hid) hiding.removeAndHide(dirfd, name);
      else unlinkAt(dirfd, name);
    },
  };
}

/** Whether it takes more than making the object at its name, which nothing would tell us there. */
function needsStaging(union: Union, home: RealDirectory, name: EntryName, mode: number): boolean {
  if (isDirectory(mode) && union.dialect.opaqueMarks === 'always') return true;
  return isHiddenUnseen(union, home, name);
}

/** Whether the upper has a whiteout of `name` that does not take the name itself. */
export function isHiddenUnseen(union: Union, home: RealDirectory, name: EntryName): boolean {
  if (union.dialect.whiteoutTakesName) return false;
  return home.layer.reader.probe(union.fds.get(home), name, scratch) === 'whiteout';
}

/** The upper directory of a living `dir`. */
export function placeFor(union: Union, dir: DirectoryNode): RealDirectory {
  if (dir.removed) throw fsError(Errno.ENOENT, 'create');
  return copyUpDirectory(union, dir);
}

/** The kernel applies a default ACL itself; without one the umask counts (man acl(5), OBJECT CREATION). */
function modeInPlace(union: Union, dir: DirectoryNode, mode: number, caller: Caller): number {
  return isSymlink(mode) || defaultAclOf(union, dir) !== null ? mode : mode & ~caller.umask;
}

/**
 * The default ACL, as it is on disk, of `dir`, which is in the upper; null: none. The node caches it until it
 * is set anew.
 */
export function defaultAclOf(union: Union, dir: DirectoryNode): Buffer | null {
  if (!union.hasAcls || dir.top.layer.overrides !== null) return null;
  if (dir.defaultAcl === undefined) dir.defaultAcl = findXattr(union.fds.get(dir.top), '', ACL_DEFAULT);
  return dir.defaultAcl;
}

/** Makes the object in the work directory, finishes it there, and moves it into place. */
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
    // The whiteout says that lower layers have something there: a new directory must not merge with it.
    // Marked while the mode lets us, because a `user.` xattr needs write permission.
    const opaque = overWhiteout || union.dialect.opaqueMarks === 'always';
    const lowers = directory && opaque ? closeNew(union, dir, name, staged) : [];
    const attributes = attributesFor(union, dir, object.mode, caller);
    const mode = giveAttributes(union, { dirfd: work.fd, name: staged }, attributes, object.rdev);
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
 * The attributes of a new object that nobody sees yet: owner first, because chown clears mode bits.
 * @returns its mode on the disk
 */
export function giveAttributes(
  union: Union,
  { dirfd, name }: StagedObject,
  attributes: NewAttributes,
  rdev = 0,
): number {
  const { layer, copyUp } = union.writable();
  const { overrides } = layer;
  const { uid, gid, access, inherited } = attributes;
  if (overrides !== null) {
    const { mode } = attributes;
    overrides.give(dirfd, name, { uid, gid, mode, rdevMajor: majorOf(rdev), rdevMinor: minorOf(rdev) });
    overrides.seal(dirfd, name, mode);
    return overrides.physicalMode(mode);
  }
  const mode = setOwner({ dirfd, name }, attributes, copyUp.squash);
  if (isSymlink(mode)) return mode;
  if (access !== null) setXattr(dirfd, name, ACL_ACCESS, access);
  if (inherited !== null) setXattr(dirfd, name, ACL_DEFAULT, inherited);
  if (name === '') chmodFd(dirfd, mode & 0o7777);
  else chmodAt(dirfd, name, mode & 0o7777);
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

/** What an object that `caller` makes in `dir` (in the upper) is given. */
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
  // Only now, when the mode has limited the mask: a removed entry granted no more than the mask lets through.
  const access = acl.access && withoutForeignIds(acl.access);
  const granted = access === null ? acl.mode : modeWithin(acl.mode, access);
  return { uid, gid, mode: granted, access, inherited: isDirectory(mode) ? inherited : null };
}
