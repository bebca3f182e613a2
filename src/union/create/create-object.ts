/**
 * Creates an object at a free name, or in place of a whiteout, with the owner, mode and ACL that the kernel
 * gives a new object on ext4 (fs/inode.c:inode_init_owner).
 */
import type { EntryName } from '../../core/brand.js';
import { Errno, fsError, isErrno } from '../../core/errno.js';
import { isDirectory, isSymlink, S_IFMT } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { RENAME_NOREPLACE } from '../../core/flags.js';
import type { Caller } from '../../fuse/operations.js';
import { renameAt, unlinkAt } from '../../sys/files/inode-ops.js';
import { close } from '../../sys/files/open.js';
import { ownGid, ownUid } from '../../sys/rights/own-ids.js';
import { moveKeepingMode } from '../../sys/rights/owner-permission.js';
import type { RealDirectory } from '../layers/layer.js';
import type { Location } from '../nodes/location.js';
import type { DirectoryNode } from '../nodes/node.js';
import { assertWhiteoutRemovable, assertWritable } from '../objects/protection.js';
import { copyUpDirectory } from '../promote/promote-directory.js';
import type { Union } from '../state/union.js';
import { hideLowerDirectories } from './hidden-names.js';
import { applyAttributes, attributesFor, defaultAclOf } from './new-attributes.js';

/** An object that is to be made. */
export interface NewObject {
  /** The requested type and permission bits, without the umask. */
  readonly mode: number;
  readonly rdev: number;
  /** Makes the object; EEXIST if `dirfd` contains `name` already. Returns an open fd of the object, or -1. */
  make(dirfd: number, name: string, mode: number): number;
}

/** An object that was just made. */
export interface CreatedObject {
  /** The upper directory that contains the object now. */
  readonly home: RealDirectory;
  /** The fd that {@link NewObject.make} returned. The caller closes it. */
  readonly fd: number;
  /**
   * Lower directories that a new directory merges with, top first. Whiteouts in the new directory hide all
   * names of these directories.
   */
  readonly lowers: readonly RealDirectory[];
  /**
   * Removes the object, and restores the whiteout at its name, for a request that fails after the creation.
   */
  remove(): void;
}

const scratch = new FileStat();

/** Makes `object` at a name. Copies its directory up if necessary. EEXIST if the upper has the name. */
export function makeObject(union: Union, at: Location, object: NewObject, caller: Caller): CreatedObject {
  const { dir, name } = at;
  union.stack.checkName(name);
  assertWritable(union, dir);
  const refusal = union.stack.dialect.refuseCreate(name, object.mode, object.rdev);
  if (refusal !== 0) throw fsError(refusal, 'create');
  const home = upperDirectory(union, dir);
  const dirfd = union.fds.get(home);
  const isServersOwn = caller.uid === ownUid && caller.gid === ownGid && home.layer.overrides === null;
  if (isServersOwn && !needsStaging(union, home, name, object.mode)) {
    try {
      const fd = object.make(dirfd, name, modeInPlace(union, dir, object.mode, caller));
      return created(
        union,
        { fd, lowers: [] },
        { home, name, isDirectory: isDirectory(object.mode), hadWhiteout: false },
      );
    } catch (error) {
      // The object at the name can be a whiteout. Then the name is free in the merged tree.
      if (!isErrno(error, 'EEXIST')) throw error;
    }
  }
  const state = home.layer.reader.probe(dirfd, name, scratch);
  if (state === 'present') throw fsError(Errno.EEXIST, 'create');
  const hadWhiteout = state === 'whiteout';
  if (hadWhiteout) assertWhiteoutRemovable(union, dir);
  const staged = makeStaged(union, at, object, caller, hadWhiteout);
  return created(union, staged, { home, name, isDirectory: isDirectory(object.mode), hadWhiteout });
}

/** A new object at its name. */
interface NewEntry {
  readonly home: RealDirectory;
  readonly name: EntryName;
  readonly isDirectory: boolean;
  /** The object replaced a whiteout. */
  readonly hadWhiteout: boolean;
}

function created(union: Union, { fd, lowers }: Pick<CreatedObject, 'fd' | 'lowers'>, entry: NewEntry): CreatedObject {
  const { home, name, hadWhiteout } = entry;
  const { hiding } = union.stack.writable();
  return {
    home,
    fd,
    lowers,
    remove(): void {
      const dirfd = union.fds.get(home);
      if (entry.isDirectory) hiding.removeDirectory(dirfd, name, hadWhiteout);
      else if (hadWhiteout) hiding.removeAndHide(dirfd, name);
      else unlinkAt(dirfd, name);
    },
  };
}

/**
 * Whether the object must be made in the work directory and then moved, although it could be made at its name
 * without an error: a directory that must be opaque, or an object for whose name there is a whiteout
 * elsewhere.
 */
function needsStaging(union: Union, home: RealDirectory, name: EntryName, mode: number): boolean {
  if (isDirectory(mode) && union.stack.dialect.opaqueMarks === 'always') return true;
  return hasSeparateWhiteout(union, home, name);
}

/**
 * Whether the upper has a whiteout of `name` that is not at the name itself. Then the creation of an object
 * at the name does not fail with EEXIST.
 */
export function hasSeparateWhiteout(union: Union, home: RealDirectory, name: EntryName): boolean {
  if (union.stack.dialect.whiteoutTakesName) return false;
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

/** Makes the object in the work directory, gives it its attributes there, and moves it to its name. */
function makeStaged(
  union: Union,
  at: Location,
  object: NewObject,
  caller: Caller,
  overWhiteout: boolean,
): Pick<CreatedObject, 'fd' | 'lowers'> {
  const { dir, name } = at;
  const { work, hiding, layer } = union.stack.writable();
  const dirfd = union.fds.get(dir.upper as RealDirectory);
  const staged = work.temporaryName();
  let fd = -1;
  try {
    const type = (layer.overrides?.physicalMode(object.mode) ?? object.mode) & S_IFMT;
    fd = object.make(work.fd, staged, type | 0o700);
    const directory = isDirectory(object.mode);
    // The whiteout can hide a lower directory, whose names the new directory must not show. The mark is set
    // before the final mode, because a `user.` xattr needs write permission.
    const opaque = overWhiteout || union.stack.dialect.opaqueMarks === 'always';
    const lowers = directory && opaque ? hideLowerDirectories(union, at, staged) : [];
    const attributes = attributesFor(union, dir, object.mode, caller);
    const mode = applyAttributes(union.stack, { dirfd: work.fd, name: staged }, attributes, object.rdev);
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
