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
import { withWriteOn } from '../../sys/rights/owner-permission.js';
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
import { OverlayOrigins } from './overlay-origin.js';

export type XattrNamespace = 'trusted' | 'user';

const OPAQUE_YES = 'y';
/** Of `overlay.opaque` too: the directory is not opaque, but its listing may need a look at each file. */
const MAY_HAVE_XATTR_WHITEOUTS = 'x';
/**
 * What fuse-overlayfs sets where it has no `trusted.` xattrs. Read in the upper too, where only it can have
 * set it: a container that it has written goes on with us, and what was deleted there must not come back.
 */
export const FOREIGN_OPAQUE = 'user.fuseoverlayfs.opaque';

/** Letters of `overlay.protattr`. */
const APPEND_ONLY = 'a';
const IMMUTABLE = 'i';

/** As the mount options; `redirect_dir=off` is one of the last two, as the kernel's configuration says. */
export interface OverlayFeatures {
  readonly redirect: 'on' | 'follow' | 'nofollow';
  readonly metacopy: boolean;
  /** No `.wh.` name can be made, because it would be a whiteout in the upper. */
  readonly reservesMarkers?: boolean;
}

const PLAIN: OverlayFeatures = { redirect: 'nofollow', metacopy: false };

/**
 * Tests the type and the device number only: writers differ in the mode
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
  /** How many names a file in the index has. */
  readonly linksXattr: string;
  /** On the index: which upper it is of. */
  readonly indexedUpperXattr: string;
  /** On an empty regular file: it is a whiteout, made where no device can be (Linux 6.7). */
  readonly whiteoutXattr: string;
  /** Says that an object is immutable or append-only, which the kernel's overlayfs then sees to. */
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
        withWriteOn(dirfd, name, () => setXattr(dirfd, name, this.redirectXattr, Buffer.from(redirect, 'latin1'))),
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
    // Only a character device can be a whiteout, so only those cost a stat, and what a file system without
    // d_type lists; they are looked at after the listing. A directory with whiteouts of another kind says so.
    const files = text(findReadableXattr(dirfd, '', this.opaqueXattr)) === MAY_HAVE_XATTR_WHITEOUTS;
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

  /** One listing answers for the objects without any mark, which are nearly all. */
  marks(dirfd: number, name: string): Marks {
    const all = listXattrs(dirfd, name);
    if (all.length === 0) return NO_MARKS;
    const own = all.filter((xattr) => this.isPrivateXattr(xattr));
    if (own.length === 0) return NO_MARKS;
    return {
      opaque: [this.opaqueXattr, FOREIGN_OPAQUE].some(
        (xattr) => own.includes(xattr) && this.saysOpaque(dirfd, name, xattr),
      ),
      redirect: own.includes(this.redirectXattr) ? text(findReadableXattr(dirfd, name, this.redirectXattr)) : null,
      metacopy: own.includes(this.metacopyXattr) ? findReadableXattr(dirfd, name, this.metacopyXattr) : null,
      origin: own.includes(this.originXattr) ? findReadableXattr(dirfd, name, this.originXattr) : null,
      impure: own.includes(this.impureXattr),
    };
  }

  /** Exactly `y`: `x` says that the directory may have whiteouts in a form of their own. */
  private saysOpaque(dirfd: number, name: string, xattr: string): boolean {
    try {
      return text(findXattr(dirfd, name, xattr)) === OPAQUE_YES;
    } catch (error) {
      // An ordinary user's directory without read permission: its `user.` xattrs can be listed, not read.
      if (isErrno(error, 'EACCES')) return true;
      throw error;
    }
  }

  /**
   * An empty file with a mark; how it got there is not our business
   * (fs/overlayfs/util.c:ovl_path_check_xwhiteout_xattr).
   */
  private isXattrWhiteout(dirfd: number, name: EntryName, { mode, size }: FileStat): boolean {
    return size === 0 && isRegular(mode) && findReadableXattr(dirfd, name, this.whiteoutXattr) !== null;
  }

  /** fs/overlayfs/util.c:ovl_check_protattr: what comes after an unknown letter counts no more. */
  private readProtection(dirfd: number, name: string): number {
    let protection = 0;
    for (const letter of text(findReadableXattr(dirfd, name, this.protectionXattr)) ?? '') {
      if (letter === APPEND_ONLY) protection |= FS_APPEND_FL;
      else if (letter === IMMUTABLE) protection |= FS_IMMUTABLE_FL;
      else break;
    }
    return protection;
  }

  /** fs/overlayfs/util.c:ovl_set_protattr. */
  private writeProtection(dirfd: number, name: string, protection: number): void {
    const appendOnly = (protection & FS_APPEND_FL) === 0 ? '' : APPEND_ONLY;
    const immutable = (protection & FS_IMMUTABLE_FL) === 0 ? '' : IMMUTABLE;
    const value = appendOnly + immutable;
    if (value !== '') setXattr(dirfd, name, this.protectionXattr, Buffer.from(value));
    else if (findReadableXattr(dirfd, name, this.protectionXattr) !== null)
      removeXattr(dirfd, name, this.protectionXattr);
  }

  /** Of an object whose xattrs are known by name: those that say that a part of it is in another layer. */
  incompleteAmong(xattrs: readonly string[]): string[] {
    return [this.metacopyXattr, this.redirectXattr].filter((xattr) => xattrs.includes(xattr));
  }

  refuseName(): number {
    return 0;
  }

  /** fs/overlayfs/dir.c:ovl_can_move. */
  mayMove({ inLower }: DirectoryParts): boolean {
    return !inLower || this.redirects.written;
  }

  refuseCreate(name: EntryName, mode: number, rdev: number): number {
    if (this.reservesMarkers && name.startsWith(WHITEOUT_PREFIX)) return Errno.EPERM;
    return (mode & S_IFMT) === S_IFCHR && rdev === 0 ? Errno.EPERM : 0;
  }

  /**
   * One `overlay.` is added, so that an overlay can be stored inside an overlay (Linux 6.7, xattr escaping).
   */
  xattrOnDisk(name: string): string {
    return name.startsWith(this.prefix) ? this.escapedPrefix + name.slice(this.prefix.length) : name;
  }

  xattrShown(name: string): string | null {
    if (name === FOREIGN_OPAQUE) return null;
    if (name.startsWith(this.escapedPrefix)) return this.prefix + name.slice(this.escapedPrefix.length);
    return name.startsWith(this.prefix) ? null : name;
  }

  /**
   * The foreign one too: copied up, it would make opaque what is not, as soon as the upper is a lower layer.
   */
  isPrivateXattr(name: string): boolean {
    return this.isOverlayXattr(name) || name === FOREIGN_OPAQUE;
  }

  /** Whether the xattr is one of the overlay's own namespace. */
  isOverlayXattr(name: string): boolean {
    return name.startsWith(this.prefix) && !name.startsWith(this.escapedPrefix);
  }
}

function text(value: Buffer | null): string | null {
  return value === null ? null : value.toString('latin1');
}
