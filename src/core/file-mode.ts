/** File types and mode bits (man inode(7)), and directory entry types (man readdir(3)). */

export const S_IFMT = 0o170000;
export const S_IFSOCK = 0o140000;
export const S_IFLNK = 0o120000;
export const S_IFREG = 0o100000;
export const S_IFBLK = 0o060000;
export const S_IFDIR = 0o040000;
export const S_IFCHR = 0o020000;
export const S_IFIFO = 0o010000;
export const S_ISUID = 0o4000;
export const S_ISGID = 0o2000;
export const S_IXGRP = 0o010;

export const DT_UNKNOWN = 0;
export const DT_DIR = 4;
export const DT_CHR = 2;
export const DT_REG = 8;
export const DT_LNK = 10;

export function isDirectory(mode: number): boolean {
  return (mode & S_IFMT) === S_IFDIR;
}

export function isRegular(mode: number): boolean {
  return (mode & S_IFMT) === S_IFREG;
}

export function isSymlink(mode: number): boolean {
  return (mode & S_IFMT) === S_IFLNK;
}

/** `st_mode` → the `d_type` of its directory entry (dirent.h `IFTODT`). */
export function direntType(mode: number): number {
  return (mode & S_IFMT) >>> 12;
}

/**
 * Whether a write or a change of owner by an unprivileged caller takes bits away: set-uid always, set-gid only with
 * group execute (fs/attr.c:setattr_should_drop_suidgid).
 */
export function hasSetIdBits(mode: number): boolean {
  return (mode & S_ISUID) !== 0 || (mode & (S_ISGID | S_IXGRP)) === (S_ISGID | S_IXGRP);
}

/** `mode` without the bits that {@link hasSetIdBits} speaks of. */
export function withoutSetIdBits(mode: number): number {
  const dropGid = (mode & (S_ISGID | S_IXGRP)) === (S_ISGID | S_IXGRP) ? S_ISGID : 0;
  return mode & ~(S_ISUID | dropGid);
}
