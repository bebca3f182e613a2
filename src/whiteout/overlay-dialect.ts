/**
 * The overlay dialect, as the kernel's overlayfs reads it (Documentation/filesystems/overlayfs.rst): a whiteout is a
 * character device 0:0 of the hidden name, an opaque directory carries the xattr `overlay.opaque` = `y`, in the
 * `trusted.` namespace or, for mounts without CAP_SYS_ADMIN in the initial user namespace, in `user.`.
 */
import type { EntryName } from '../core/brand.js';
import { Errno, isErrno } from '../core/errno.js';
import { DT_CHR, DT_UNKNOWN, direntType, S_IFCHR, S_IFMT } from '../core/file-mode.js';
import { FileStat } from '../core/file-stat.js';
import { readDirectory } from '../sys/read-directory.js';
import { statAt } from '../sys/stat.js';
import { findXattr, listXattrs } from '../sys/xattr.js';
import type { Dialect, DirectoryParts, LayerDirectorySink, LayerReader, Presence } from './dialect.js';

export type XattrNamespace = 'trusted' | 'user';

const OPAQUE_YES = 'y'.charCodeAt(0);

/** Tests the type and the device number only: writers differ in the mode (fs/overlayfs/overlayfs.h:IS_WHITEOUT). */
export function isWhiteout(stat: FileStat): boolean {
  return (stat.mode & S_IFMT) === S_IFCHR && stat.rdevMajor === 0 && stat.rdevMinor === 0;
}

export class OverlayDialect implements Dialect, LayerReader {
  readonly name = 'overlay';
  readonly maxName = Number.POSITIVE_INFINITY;
  readonly whiteoutTakesName = true;
  /** As the kernel does (fs/overlayfs/dir.c:ovl_rename). */
  readonly opaqueMarks = 'moved';
  /** As the kernel without `index=on`. */
  readonly links = null;
  readonly opaqueXattr: string;
  /** On an empty regular file: it is a whiteout, made where no device can be (Linux 6.7). Mounts do not read it. */
  readonly whiteoutXattr: string;
  /** Says that an object is immutable or append-only, which the kernel's overlayfs then sees to. */
  readonly protectionXattr: string;
  /** Written by kernel mounts with `metacopy=on` (the data is in a lower layer) and `redirect_dir=on` (so is the rest). */
  private readonly unreadable: readonly string[];
  private readonly prefix: string;
  private readonly escapedPrefix: string;
  private readonly scratch = new FileStat();

  constructor(namespace: XattrNamespace) {
    this.prefix = `${namespace}.overlay.`;
    this.escapedPrefix = `${this.prefix}overlay.`;
    this.unreadable = ['metacopy', 'redirect'].map((feature) => this.prefix + feature);
    this.opaqueXattr = `${this.prefix}opaque`;
    this.whiteoutXattr = `${this.prefix}whiteout`;
    this.protectionXattr = `${this.prefix}protattr`;
  }

  probe(dirfd: number, name: EntryName, into: FileStat): Presence {
    if (!statAt(dirfd, name, into)) return 'absent';
    return isWhiteout(into) ? 'whiteout' : 'present';
  }

  list(dirfd: number, sink: LayerDirectorySink): void {
    // Only a character device can be a whiteout, so only those cost a stat, and what a file system without d_type
    // lists; they are looked at after the listing.
    let devices: { name: EntryName; ino: number }[] | null = null;
    readDirectory(dirfd, (name, ino, type) => {
      if (type === DT_CHR || type === DT_UNKNOWN) {
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

  isOpaque(dirfd: number, name: EntryName): boolean {
    try {
      const value = findXattr(dirfd, name, this.opaqueXattr);
      return value !== null && value[0] === OPAQUE_YES;
    } catch (error) {
      // An ordinary user's directory without read permission: its `user.` xattrs can be listed, not read.
      if (isErrno(error, 'EACCES')) return listXattrs(dirfd, name).includes(this.opaqueXattr);
      throw error;
    }
  }

  unreadableFeature(dirfd: number, name: string): string | null {
    try {
      return this.unreadable.find((xattr) => findXattr(dirfd, name, xattr) !== null) ?? null;
    } catch (error) {
      // An ordinary user's object without read permission, whose `user.` xattrs cannot be read either: nothing that is
      // in it can be shown, so nothing wrong can.
      if (isErrno(error, 'EACCES')) return null;
      throw error;
    }
  }

  /** As {@link unreadableFeature}, of an object whose xattrs are known by name. */
  unreadableAmong(xattrs: readonly string[]): string[] {
    return this.unreadable.filter((xattr) => xattrs.includes(xattr));
  }

  refuseName(): number {
    return 0;
  }

  /** As the kernel without `redirect_dir=on`. */
  mayMove({ inLower }: DirectoryParts): boolean {
    return !inLower;
  }

  refuseCreate(_name: EntryName, mode: number, rdev: number): number {
    return (mode & S_IFMT) === S_IFCHR && rdev === 0 ? Errno.EPERM : 0;
  }

  /** One `overlay.` is added, so that an overlay can be stored inside an overlay (Linux 6.7, xattr escaping). */
  xattrOnDisk(name: string): string {
    return name.startsWith(this.prefix) ? this.escapedPrefix + name.slice(this.prefix.length) : name;
  }

  xattrShown(name: string): string | null {
    if (name.startsWith(this.escapedPrefix)) return this.prefix + name.slice(this.escapedPrefix.length);
    return name.startsWith(this.prefix) ? null : name;
  }

  isPrivateXattr(name: string): boolean {
    return name.startsWith(this.prefix) && !name.startsWith(this.escapedPrefix);
  }
}
