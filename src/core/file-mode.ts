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
/** Permissions of the owner: all, read, write, execute. */
export const S_IRWXU = 0o700;
export const S_IRUSR = 0o400;
export const S_IWUSR = 0o200;
export const S_IXUSR = 0o100;
const S_IXGRP = 0o010;

export const DT_UNKNOWN = 0;
export const DT_DIR = 4;
export const DT_CHR = 2;
export const DT_REG = 8;

export function isDirectory(mode: number): boolean {
  return (mode & S_IFMT) === S_IFDIR;
}

export function isRegular(mode: number): boolean {
  return (mode & S_IFMT) === S_IFREG;
}

export function isFifo(mode: number): boolean {
  return (mode & S_IFMT) === S_IFIFO;
}

export function isSymlink(mode: number): boolean {
  return (mode & S_IFMT) === S_IFLNK;
}

/** `st_mode` → the `d_type` of its directory entry (dirent.h `IFTODT`). */
export function direntType(mode: number): number {
  return (mode & S_IFMT) >>> 12;
}

/** Whether the mode has the set-uid or the set-gid bit. */
export function hasSetIdBits(mode: number): boolean {
  return (mode & (S_ISUID | S_ISGID)) !== 0;
}

/**
 * Removes from `mode` the bits that a write by a caller without CAP_FSETID removes: set-uid always; set-gid
 * if the group can execute, or if the caller cannot keep it (fs/attr.c:setattr_should_drop_suidgid).
 * @param mayKeepSetGid called only if the result depends on it
 */
export function withoutSetIdBits(mode: number, mayKeepSetGid: () => boolean): number {
  const dropGid = (mode & S_ISGID) !== 0 && ((mode & S_IXGRP) !== 0 || !mayKeepSetGid());
  return mode & ~(S_ISUID | (dropGid ? S_ISGID : 0));
}
