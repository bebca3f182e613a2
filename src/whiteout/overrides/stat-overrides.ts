/**
 * Attributes that a layer keeps in xattrs (mount option `xattr_permissions`). All files of such a layer
 * physically belong to the user who serves it, so that this user needs no right to change owners. In `user.`
 * xattrs, devices, fifos and sockets too can be kept: the object on disk is then an empty regular file.
 *
 * Such an xattr on a layer's root marks the layer. An object without one shows its own attributes.
 */
import { displayName } from '../../core/entry-name.js';
import { Errno, fsError, isErrno } from '../../core/errno.js';
import {
  isDirectory,
  isRegular,
  isSymlink,
  S_IFMT,
  S_IFREG,
  S_IRUSR,
  S_IRWXU,
  S_IWUSR,
  withoutSetIdBits,
} from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { isAcl, SECURITY } from '../../core/xattr-names.js';
import { KEEP_ID } from '../../sys/files/inode-ops.js';
import { chmodObject, chownObject, type ObjectRef, statObject } from '../../sys/files/object-ref.js';
import { statFd } from '../../sys/files/stat.js';
import { findReadableXattr, findXattr, setXattr } from '../../sys/files/xattr.js';
import {
  CONTAINERS_OVERRIDE,
  FOREIGN_OVERRIDE,
  isOverrideXattr,
  OVERRIDE_PREFIX,
  PRIVILEGED_OVERRIDE,
} from './override-names.js';
import { applyOverride, formatOverride, formatShortOverride, type ReportedStat } from './override-stat.js';

/** `xattr_permissions=1` and `=2`. */
export type OverrideKind = 'privileged' | 'user';

const NAME_OF: Readonly<Record<OverrideKind, string>> = { privileged: PRIVILEGED_OVERRIDE, user: CONTAINERS_OVERRIDE };

const scratch = new FileStat();

export class StatOverrides {
  private constructor(
    /** In order of precedence: the first one that an object has counts. The first of all is written. */
    private readonly names: readonly string[],
    /** The permissions that objects physically get: those of the layer's root. */
    private readonly permissions: number,
    private readonly log: (line: string) => void,
  ) {}

  /**
   * Finds out which of these xattrs a layer uses; null: it uses none.
   * @param root of the layer, open for reading
   * @param asked the kind to write from now on; {@link markRoot} marks the layer with it
   */
  static of(root: number, asked: OverrideKind | null, log: (line: string) => void): StatOverrides | null {
    const names = [PRIVILEGED_OVERRIDE, CONTAINERS_OVERRIDE, FOREIGN_OVERRIDE].filter((name) => isMarked(root, name));
    const wanted = asked === null ? null : NAME_OF[asked];
    // A layer that fuse-overlayfs 1.x has begun keeps that program's xattr, because the program knows no
    // other.
    const keepsForeign = wanted === CONTAINERS_OVERRIDE && names.includes(FOREIGN_OVERRIDE);
    if (wanted !== null && !keepsForeign && names[0] !== wanted) {
      names.splice(0, names.length, wanted, ...names.filter((name) => name !== wanted));
    }
    if (names.length === 0) return null;
    statFd(root, scratch);
    return new StatOverrides(names, (scratch.mode & 0o777) | S_IRWXU, log);
  }

  /** The xattr that is written. */
  get name(): string {
    return this.names[0] as string;
  }

  /** Whether an ordinary user can set the xattr on files that they own. */
  get isSettableByUsers(): boolean {
    return this.name !== PRIVILEGED_OVERRIDE;
  }

  /** Whether the layer's root is marked already. */
  isMarked(root: number): boolean {
    return isMarked(root, this.name);
  }

  /** Marks the layer whose root is open as `root`. `stat`: what the root shows from now on. */
  markRoot(root: number, stat: ReportedStat): void {
    setXattr(root, '', this.name, this.format(stat));
  }

  /**
   * Whether an object of this type can have such an xattr: a `user.` one is for files and directories only
   * (man xattr(7)).
   */
  private canBeOn(mode: number): boolean {
    return this.name === PRIVILEGED_OVERRIDE || isRegular(mode) || isDirectory(mode);
  }

  /**
   * Replaces the physical attributes in `stat` by those that the object's xattr holds, if it has one. Throws
   * EIO if the xattr cannot be understood.
   */
  apply(dirfd: number, name: string, stat: FileStat): void {
    for (const xattr of this.names) {
      // EACCES: the server cannot read the file, so no caller can read it either.
      const value = findReadableXattr(dirfd, name, xattr)?.toString('latin1');
      if (value === undefined) continue;
      if (applyOverride(value, stat)) return;
      this.log(`${displayName(name)}: ${xattr} is "${displayName(value)}", which is not UID:GID:MODE:KIND`);
      throw fsError(Errno.EIO, 'override_stat');
    }
  }

  /**
   * The type and permissions that an object of this mode physically gets. An object that cannot have a
   * `user.` xattr is stored as a regular file, except a symlink. fuse-overlayfs 1.x does not know such files:
   * in its layers these objects keep their own type and attributes.
   */
  physicalMode(mode: number): number {
    if (this.canBeOn(mode)) return (mode & S_IFMT) | this.permissions;
    return isSymlink(mode) || this.name === FOREIGN_OVERRIDE ? mode : S_IFREG | this.permissions;
  }

  /** The xattrs of fuse-overlayfs itself have the format of its version 1. */
  private format(stat: ReportedStat): Buffer {
    return Buffer.from(this.name === CONTAINERS_OVERRIDE ? formatOverride(stat) : formatShortOverride(stat));
  }

  /**
   * Sets what a new object, which is not visible yet, reports as its attributes. The caller calls
   * {@link setPhysicalMode} when everything else is set.
   */
  setAttributes(object: ObjectRef, attributes: ReportedStat): void {
    if (!this.canBeOn(this.physicalMode(attributes.mode))) {
      chownItself(object, attributes);
      return;
    }
    setXattr(object.dirfd, object.name, this.name, this.format(attributes));
  }

  /** Sets the physical permissions of a new object that reports `mode` and is not visible yet. */
  setPhysicalMode(object: ObjectRef, mode: number): void {
    if (!isSymlink(mode)) chmodObject(object, this.physicalMode(mode) & 0o7777);
  }

  chown(object: ObjectRef, uid: number, gid: number): void {
    statObject(object, scratch);
    if (!this.canBeOn(scratch.mode)) {
      chownItself(object, { mode: scratch.mode, uid, gid });
      return;
    }
    this.change(object, (stat) => {
      if (uid !== KEEP_ID) stat.uid = uid;
      if (gid !== KEEP_ID) stat.gid = gid;
      // As chown(2) does for a caller with CAP_FSETID (fs/attr.c:setattr_should_drop_suidgid).
      if (!isDirectory(stat.mode)) stat.mode = withoutSetIdBits(stat.mode, () => true);
    });
  }

  chmod(object: ObjectRef, permissions: number): void {
    statObject(object, scratch);
    if (!this.canBeOn(scratch.mode)) {
      chmodObject(object, permissions);
      return;
    }
    this.change(object, (stat) => {
      stat.mode = (stat.mode & S_IFMT) | permissions;
    });
  }

  private change(object: ObjectRef, modify: (stat: FileStat) => void): void {
    const { dirfd, name } = object;
    const stat = new FileStat();
    statObject(object, stat);
    const physical = stat.mode;
    this.apply(dirfd, name, stat);
    modify(stat);
    // An object that was made without such an xattr can have any mode, and setting a `user.` xattr requires
    // write permission.
    const needed = isDirectory(physical) ? S_IRWXU : S_IRUSR | S_IWUSR;
    if (!isSymlink(physical) && (physical & needed) !== needed) chmodObject(object, (physical & 0o777) | needed);
    setXattr(dirfd, name, this.name, this.format(stat));
  }

  /**
   * The xattr on disk that holds the application's xattr `name`; null: none can. As in fuse-overlayfs,
   * `security.` xattrs are stored under another name. An ACL is not stored at all, because on disk it would
   * change the physical permissions of the file.
   */
  xattrOnDisk(name: string): string | null {
    if (isAcl(name)) return null;
    return this.name === CONTAINERS_OVERRIDE && name.startsWith(SECURITY) ? OVERRIDE_PREFIX + name : name;
  }

  /** The name that applications see for the xattr `onDisk`; null: it is not shown. */
  xattrShown(onDisk: string): string | null {
    if (this.name === CONTAINERS_OVERRIDE) {
      if (onDisk.startsWith(OVERRIDE_PREFIX + SECURITY)) return onDisk.slice(OVERRIDE_PREFIX.length);
      if (onDisk.startsWith(SECURITY)) return null;
    }
    return isOverrideXattr(onDisk) || isAcl(onDisk) ? null : onDisk;
  }
}

function isMarked(root: number, name: string): boolean {
  return findXattr(root, '', name) !== null;
}

/**
 * Changes the physical owner of an object that has no such xattr. A symlink keeps its owner if an ordinary
 * user cannot change it (EPERM, or EINVAL for an id that the user namespace does not map). The owner of a
 * symlink matters only for its removal from a sticky directory.
 */
function chownItself(object: ObjectRef, { mode, uid, gid }: Pick<ReportedStat, 'mode' | 'uid' | 'gid'>): void {
  try {
    chownObject(object, uid, gid);
  } catch (error) {
    if (!isSymlink(mode) || !isErrno(error, 'EPERM', 'EINVAL')) throw error;
  }
}
