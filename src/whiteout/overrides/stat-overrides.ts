/**
 * Attributes that a layer keeps in xattrs (`xattr_permissions`): all files are physically those of whoever
 * serves the layer, who needs no right to give them away. In `user.` xattrs, devices, fifos and sockets are
 * made as empty regular files.
 *
 * A layer says that it does so by such an xattr on its root. An object without one shows its own attributes.
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
import { chmodAt, chmodPathFd, chownAt, chownFd, KEEP_ID } from '../../sys/files/inode-ops.js';
import { statAt, statFd } from '../../sys/files/stat.js';
import { findXattr, getXattr, setXattr } from '../../sys/files/xattr.js';
import {
  CONTAINERS_OVERRIDE,
  FOREIGN_OVERRIDE,
  isOverrideXattr,
  OVERRIDE_PREFIX,
  PRIVILEGED_OVERRIDE,
} from './override-names.js';
import { applyTold, type ReportedStat, shortTextOf, textOf } from './override-stat.js';

/** `xattr_permissions=1` and `=2`. */
export type OverrideKind = 'privileged' | 'user';

const NAME_OF: Readonly<Record<OverrideKind, string>> = { privileged: PRIVILEGED_OVERRIDE, user: CONTAINERS_OVERRIDE };

const scratch = new FileStat();

export class StatOverrides {
  private constructor(
    /** The first one that an object has counts, and is written. */
    private readonly names: readonly string[],
    /** Permissions that objects are physically given: those of the layer's root. */
    private readonly permissions: number,
    private readonly log: (line: string) => void,
  ) {}

  /**
   * Those of a layer; null: it keeps none.
   * @param root of the layer, open for reading
   * @param asked they are to be kept from now on; {@link markRoot} says so on the disk
   */
  static of(root: number, asked: OverrideKind | null, log: (line: string) => void): StatOverrides | null {
    const names = [PRIVILEGED_OVERRIDE, CONTAINERS_OVERRIDE, FOREIGN_OVERRIDE].filter((name) => isMarked(root, name));
    const wanted = asked === null ? null : NAME_OF[asked];
    // What fuse-overlayfs 1.x began goes on by its name: that program knows no other.
    const goesOn = wanted === CONTAINERS_OVERRIDE && names.includes(FOREIGN_OVERRIDE);
    if (wanted !== null && !goesOn && names[0] !== wanted) {
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

  /** Whoever owns a file can set them. */
  get isAnybodys(): boolean {
    return this.name !== PRIVILEGED_OVERRIDE;
  }

  /** Whether the layer's root says already that its objects have such xattrs. */
  isMarked(root: number): boolean {
    return isMarked(root, this.name);
  }

  /** Says on the layer's root that its objects have such xattrs. */
  markRoot(root: number, told: ReportedStat): void {
    setXattr(root, '', this.name, this.textOf(told));
  }

  /**
   * Whether an object of this kind can have such an xattr: a `user.` one is for files and directories only
   * (man xattr(7)).
   */
  private canBeOn(mode: number): boolean {
    return this.name === PRIVILEGED_OVERRIDE || isRegular(mode) || isDirectory(mode);
  }

  /**
   * Puts what `name` under `dirfd`, or `dirfd` itself for `''`, says of itself over its own attributes. EIO:
   * nonsense.
   */
  apply(dirfd: number, name: string, stat: FileStat): void {
    for (const xattr of this.names) {
      const value = readable(dirfd, name, xattr);
      if (value === null) continue;
      if (applyTold(value, stat)) return;
      this.log(`${displayName(name)}: ${xattr} says "${displayName(value)}", which is not UID:GID:MODE:KIND`);
      throw fsError(Errno.EIO, 'override_stat');
    }
  }

  /**
   * The mode that an object of this kind is physically made with. What cannot have a `user.` xattr, but a
   * symlink, is a file that stands for it; fuse-overlayfs 1.x knows of no such files, and has it with its own
   * attributes.
   */
  physicalMode(mode: number): number {
    if (this.canBeOn(mode)) return (mode & S_IFMT) | this.permissions;
    return isSymlink(mode) || this.name === FOREIGN_OVERRIDE ? mode : S_IFREG | this.permissions;
  }

  /** fuse-overlayfs's own xattrs are in the form of its version 1. */
  private textOf(told: ReportedStat): Buffer {
    return Buffer.from(this.name === CONTAINERS_OVERRIDE ? textOf(told) : shortTextOf(told));
  }

  /** Gives an object that nobody sees yet its attributes. {@link seal} follows when all else is set. */
  give(dirfd: number, name: string, told: ReportedStat): void {
    if (!this.canBeOn(this.physicalMode(told.mode))) {
      this.chownItself(dirfd, name, told);
      return;
    }
    setXattr(dirfd, name, this.name, this.textOf(told));
  }

  /** Gives an object of this kind, that nobody sees yet, the permissions that it has physically. */
  seal(dirfd: number, name: string, mode: number): void {
    if (!isSymlink(mode)) chmodObject(dirfd, name, this.physicalMode(mode) & 0o7777);
  }

  chown(dirfd: number, name: string, uid: number, gid: number): void {
    statObject(dirfd, name, scratch);
    if (!this.canBeOn(scratch.mode)) {
      this.chownItself(dirfd, name, { mode: scratch.mode, uid, gid });
      return;
    }
    this.change(dirfd, name, (stat) => {
      if (uid !== KEEP_ID) stat.uid = uid;
      if (gid !== KEEP_ID) stat.gid = gid;
      // As chown(2) does for whoever has CAP_FSETID (fs/attr.c:setattr_should_drop_suidgid).
      if (!isDirectory(stat.mode)) stat.mode = withoutSetIdBits(stat.mode, () => true);
    });
  }

  /** Of what has its own attributes. */
  private chownItself(
    dirfd: number,
    name: string,
    { mode, uid, gid }: Pick<ReportedStat, 'mode' | 'uid' | 'gid'>,
  ): void {
    if (isSymlink(mode)) chownLink(dirfd, name, uid, gid);
    else chownObject(dirfd, name, uid, gid);
  }

  chmod(dirfd: number, name: string, permissions: number): void {
    statObject(dirfd, name, scratch);
    if (!this.canBeOn(scratch.mode)) {
      chmodObject(dirfd, name, permissions);
      return;
    }
    this.change(dirfd, name, (stat) => {
      stat.mode = (stat.mode & S_IFMT) | permissions;
    });
  }

  private change(dirfd: number, name: string, make: (stat: FileStat) => void): void {
    const stat = new FileStat();
    statObject(dirfd, name, stat);
    const own = stat.mode;
    this.apply(dirfd, name, stat);
    make(stat);
    // Made without such an xattr. A `user.` one takes write permission.
    const needed = isDirectory(own) ? S_IRWXU : S_IRUSR | S_IWUSR;
    if (!isSymlink(own) && (own & needed) !== needed) chmodObject(dirfd, name, (own & 0o777) | needed);
    setXattr(dirfd, name, this.name, this.textOf(stat));
  }

  /**
   * The xattr that holds what the application calls `name`; null: nothing can. What is `security.` is kept
   * beside, as by fuse-overlayfs; an ACL would speak of the permissions that the file has physically.
   */
  xattrOnDisk(name: string): string | null {
    if (isAcl(name)) return null;
    return this.name === CONTAINERS_OVERRIDE && name.startsWith(SECURITY) ? OVERRIDE_PREFIX + name : name;
  }

  /** What the application sees of an xattr on disk; null: nothing. */
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
 * null: it has none. EACCES: a `user.` one of a file that we may not read, so that nobody is shown what is in
 * it; EOPNOTSUPP: none of that kind on this file system.
 */
function readable(dirfd: number, name: string, xattr: string): string | null {
  try {
    return getXattr(dirfd, name, xattr)?.toString('latin1') ?? null;
  } catch (error) {
    if (isErrno(error, 'EACCES', 'EOPNOTSUPP')) return null;
    throw error;
  }
}

function statObject(dirfd: number, name: string, into: FileStat): void {
  if (name === '') statFd(dirfd, into);
  else if (!statAt(dirfd, name, into)) throw fsError(Errno.ESTALE, 'statx');
}

function chmodObject(dirfd: number, name: string, permissions: number): void {
  if (name === '') chmodPathFd(dirfd, permissions);
  else chmodAt(dirfd, name, permissions);
}

function chownObject(dirfd: number, name: string, uid: number, gid: number): void {
  if (name === '') chownFd(dirfd, uid, gid);
  else chownAt(dirfd, name, uid, gid);
}

/**
 * A symlink has its own owner, or ours: EPERM and EINVAL (an id that a user namespace does not have) are what
 * an ordinary user gets who gives it away. Nothing is decided by who owns a symlink, but in a sticky
 * directory who may remove it.
 */
function chownLink(dirfd: number, name: string, uid: number, gid: number): void {
  try {
    chownObject(dirfd, name, uid, gid);
  } catch (error) {
    if (!isErrno(error, 'EPERM', 'EINVAL')) throw error;
  }
}
