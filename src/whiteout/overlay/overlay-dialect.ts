/**
 * The overlay dialect, as the kernel's overlayfs reads it (Documentation/filesystems/overlayfs.rst): a
 * whiteout is a character device 0:0 of the hidden name, an opaque directory carries the xattr
 * `overlay.opaque` = `y`, in the `trusted.` namespace or, for mounts without CAP_SYS_ADMIN in the initial
 * user namespace, in `user.`.
 */
import type { EntryName } from '../../core/brand.js';
import { Errno, isErrno } from '../../core/errno.js';
import { DT_CHR, DT_REG, DT_UNKNOWN, direntType, isRegular, S_IFCHR, S_IFMT } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { FS_APPEND_FL, FS_IMMUTABLE_FL } from '../../core/flags.js';
import { readDirectory } from '../../sys/files/read-directory.js';
import { statAt } from '../../sys/files/stat.js';
import { findReadableXattr, findXattr, listXattrs, removeXattr, setXattr } from '../../sys/files/xattr.js';
import { withWritePermission } from '../../sys/rights/owner-permission.js';
import { WHITEOUT_PREFIX } from '../aufs-names.js';
import type {
  Dialect,
  DirectoryParts,
  LayerDirectorySink,
  LayerReader,
  Metacopies,
  NameInLayer,
  OriginMarks,
  Protections,
  Redirects,
} from '../dialect.js';
import { type Marks, NO_MARKS } from '../marks.js';
import { isOpaqueMark, isXattrWhiteoutsMark } from './opaque-mark.js';
import { OverlayOrigins } from './overlay-origin.js';

export type XattrNamespace = 'trusted' | 'user';

/**
 * The opaque mark that fuse-overlayfs sets if it cannot set `trusted.` xattrs. It is read in the upper too:
 * only fuse-overlayfs can have set it there, and what a container has deleted must stay deleted when plyfs
 * mounts its layer.
 */
export const FOREIGN_OPAQUE = 'user.fuseoverlayfs.opaque';

/** Letters of the value of `overlay.protattr`. */
const APPEND_ONLY = 'a';
const IMMUTABLE = 'i';

/**
 * Features by mount options. `redirect_dir=off` means `follow` or `nofollow`, as the kernel is configured.
 */
export interface OverlayFeatures {
  readonly redirect: 'on' | 'follow' | 'nofollow';
  readonly metacopy: boolean;
  /** No name that begins with `.wh.` can be created, because it would be a whiteout in the upper. */
  readonly reservesMarkers?: boolean;
}

const PLAIN: OverlayFeatures = { redirect: 'nofollow', metacopy: false };

/**
 * Tests only the type and the device number, because programs write whiteouts with different modes
 * (fs/overlayfs/overlayfs.h:IS_WHITEOUT).
 */
export function isWhiteout(stat: FileStat): boolean {
  return (stat.mode & S_IFMT) === S_IFCHR && stat.rdevMajor === 0 && stat.rdevMinor === 0;
}

export class OverlayDialect implements Dialect, LayerReader {
  readonly name = 'overlay';
  readonly maxName = Number.POSITIVE_INFINITY;
  readonly whiteoutTakesName = true;
  /** As the kernel does (fs/overlayfs/dir.c:ovl_rename). */
  readonly opaqueMarks = 'moved';
  readonly opaqueXattr: string;
  readonly redirectXattr: string;
  readonly metacopyXattr: string;
  readonly originXattr: string;
  readonly impureXattr: string;
  /** Holds the number of names of a file in the index. */
  readonly linksXattr: string;
  /** On the index directory: identifies its upper. */
  readonly indexedUpperXattr: string;
  /** Makes an empty regular file a whiteout, for file systems without devices (Linux 6.7). */
  readonly whiteoutXattr: string;
  /** Makes an object immutable or append-only in the union; the kernel's overlayfs enforces it too. */
  readonly protectionXattr: string;
  private readonly reservesMarkers: boolean;
  private readonly prefix: string;
  private readonly escapedPrefix: string;
  private readonly scratch = new FileStat();
  readonly markerFiles = null;

  readonly redirects: Redirects;
  readonly protections: Protections = {
    read: (dirfd, name) => this.readProtection(dirfd, name),
    write: (dirfd, name, protection) => this.writeProtection(dirfd, name, protection),
  };
  readonly metacopies: Metacopies;
  readonly origins: OriginMarks;

  constructor(
    namespace: XattrNamespace,
    { redirect: redirectDir, metacopy, reservesMarkers = false }: OverlayFeatures = PLAIN,
  ) {
    this.reservesMarkers = reservesMarkers;
    this.prefix = `${namespace}.overlay.`;
    this.escapedPrefix = `${this.prefix}overlay.`;
    this.opaqueXattr = `${this.prefix}opaque`;
    this.redirectXattr = `${this.prefix}redirect`;
    this.metacopyXattr = `${this.prefix}metacopy`;
    this.originXattr = `${this.prefix}origin`;
    this.impureXattr = `${this.prefix}impure`;
    this.linksXattr = `${this.prefix}nlink`;
    this.indexedUpperXattr = `${this.prefix}upper`;
    this.origins = new OverlayOrigins(this.originXattr, this.impureXattr);
    this.redirects = {
      written: redirectDir === 'on',
      followed: redirectDir !== 'nofollow',
      mark: (dirfd, name, redirect) =>
        withWritePermission(dirfd, name, () =>
          setXattr(dirfd, name, this.redirectXattr, Buffer.from(redirect, 'latin1')),
        ),
    };
    this.metacopies = {
      enabled: metacopy,
      mark: (fd) => setXattr(fd, '', this.metacopyXattr, Buffer.alloc(0)),
      unmark: (fd) => removeXattr(fd, '', this.metacopyXattr),
    };
    this.whiteoutXattr = `${this.prefix}whiteout`;
    this.protectionXattr = `${this.prefix}protattr`;
  }

  probe(dirfd: number, name: EntryName, into: FileStat): NameInLayer {
    if (!statAt(dirfd, name, into)) return 'absent';
    return isWhiteout(into) || this.isXattrWhiteout(dirfd, name, into) ? 'whiteout' : 'present';
  }

  list(dirfd: number, sink: LayerDirectorySink): void {
    // Only a character device can be a whiteout. So only devices, and entries without a d_type, need a stat
    // after the listing; and files in a directory that is marked for whiteouts of the other kind.
    const files = isXattrWhiteoutsMark(findReadableXattr(dirfd, '', this.opaqueXattr));
    let devices: { name: EntryName; ino: number }[] | null = null;
    readDirectory(dirfd, (name, ino, type) => {
      if (type === DT_CHR || type === DT_UNKNOWN || (files && type === DT_REG)) {
        devices ??= [];
        devices.push({ name, ino });
      } else sink.entry(name, ino, type);
    });
    if (devices === null) return;
    for (const { name, ino } of devices as { name: EntryName; ino: number }[]) {
      const presence = this.probe(dirfd, name, this.scratch);
      if (presence === 'whiteout') sink.whiteout(name);
      else if (presence === 'present') sink.entry(name, ino, direntType(this.scratch.mode));
    }
  }

  /** One listing of xattrs suffices for an object without a mark, as nearly all objects are. */
  marks(dirfd: number, name: string): Marks {
    const all = listXattrs(dirfd, name);
    if (all.length === 0) return NO_MARKS;
    const own = all.filter((xattr) => this.isPrivateXattr(xattr));
    if (own.length === 0) return NO_MARKS;
    return {
      opaque: [this.opaqueXattr, FOREIGN_OPAQUE].some((xattr) => own.includes(xattr) && isOpaque(dirfd, name, xattr)),
      redirect: own.includes(this.redirectXattr) ? text(findReadableXattr(dirfd, name, this.redirectXattr)) : null,
      metacopy: own.includes(this.metacopyXattr) ? findReadableXattr(dirfd, name, this.metacopyXattr) : null,
      origin: own.includes(this.originXattr) ? findReadableXattr(dirfd, name, this.originXattr) : null,
      impure: own.includes(this.impureXattr),
    };
  }

  /** An empty file with a mark (fs/overlayfs/util.c:ovl_path_check_xwhiteout_xattr). */
  private isXattrWhiteout(dirfd: number, name: EntryName, { mode, size }: FileStat): boolean {
    return size === 0 && isRegular(mode) && findReadableXattr(dirfd, name, this.whiteoutXattr) !== null;
  }

  /** Ignores everything from the first unknown letter on (fs/overlayfs/util.c:ovl_check_protattr). */
  private readProtection(dirfd: number, name: string): number {
    let protection = 0;
    for (const letter of text(findReadableXattr(dirfd, name, this.protectionXattr)) ?? '') {
      if (letter === APPEND_ONLY) protection |= FS_APPEND_FL;
      else if (letter === IMMUTABLE) protection |= FS_IMMUTABLE_FL;
      else break;
    }
    return protection;
  }

  /** Writes the mark as fs/overlayfs/util.c:ovl_set_protattr does. */
  private writeProtection(dirfd: number, name: string, protection: number): void {
    const appendOnly = (protection & FS_APPEND_FL) === 0 ? '' : APPEND_ONLY;
    const immutable = (protection & FS_IMMUTABLE_FL) === 0 ? '' : IMMUTABLE;
    const value = appendOnly + immutable;
    if (value !== '') setXattr(dirfd, name, this.protectionXattr, Buffer.from(value));
    else if (findReadableXattr(dirfd, name, this.protectionXattr) !== null)
      removeXattr(dirfd, name, this.protectionXattr);
  }

  /** Returns those of an object's `xattrs` that mark it as having a part in another layer. */
  incompleteAmong(xattrs: readonly string[]): string[] {
    return [this.metacopyXattr, this.redirectXattr].filter((xattr) => xattrs.includes(xattr));
  }

  refuseName(): number {
    return 0;
  }

  /** As fs/overlayfs/dir.c:ovl_can_move. */
  mayMove({ inLower }: DirectoryParts): boolean {
    return !inLower || this.redirects.written;
  }

  refuseCreate(name: EntryName, mode: number, rdev: number): number {
    if (this.reservesMarkers && name.startsWith(WHITEOUT_PREFIX)) return Errno.EPERM;
    return (mode & S_IFMT) === S_IFCHR && rdev === 0 ? Errno.EPERM : 0;
  }

  /** Adds one `overlay.`, so that an overlay can be stored in an overlay (Linux 6.7, xattr escaping). */
  xattrOnDisk(name: string): string {
    return name.startsWith(this.prefix) ? this.escapedPrefix + name.slice(this.prefix.length) : name;
  }

  xattrShown(name: string): string | null {
    if (name === FOREIGN_OPAQUE) return null;
    if (name.startsWith(this.escapedPrefix)) return this.prefix + name.slice(this.escapedPrefix.length);
    return name.startsWith(this.prefix) ? null : name;
  }

  /**
   * Includes the mark of fuse-overlayfs. A copy of it would make a directory opaque when the upper is mounted
   * as a lower layer.
   */
  isPrivateXattr(name: string): boolean {
    return this.isOverlayXattr(name) || name === FOREIGN_OPAQUE;
  }

  /** Whether the xattr is one of the overlay's own namespace. */
  isOverlayXattr(name: string): boolean {
    return name.startsWith(this.prefix) && !name.startsWith(this.escapedPrefix);
  }
}

function isOpaque(dirfd: number, name: string, xattr: string): boolean {
  try {
    return isOpaqueMark(findXattr(dirfd, name, xattr));
  } catch (error) {
    // An ordinary user can list, but not read, the `user.` xattrs of a directory without read permission.
    if (isErrno(error, 'EACCES')) return true;
    throw error;
  }
}

function text(value: Buffer | null): string | null {
  return value === null ? null : value.toString('latin1');
}
