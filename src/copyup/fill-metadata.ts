/**
 * Gives a staged copy the source's attributes, in the one order that keeps them all: owner first, because
 * chown clears set-id bits and capabilities; xattrs after the data, because writing clears capabilities; mode
 * after the ACL, which it agrees with; times last.
 */
import { Errno, FsError } from '../core/errno.js';
import { isSymlink } from '../core/file-mode.js';
import type { FileStat } from '../core/file-stat.js';
import { modeWithin, withoutForeignIds } from '../core/posix-acl.js';
import { ACL_ACCESS, CAPABILITY, isAcl, SECURITY } from '../core/xattr-names.js';
import { chmodObject, type ObjectRef, utimesObject } from '../sys/files/object-ref.js';
import { findXattr, getXattr, listXattrs, setXattr } from '../sys/files/xattr.js';
import { isOverrideXattr } from '../whiteout/overrides/override-names.js';
import type { StatOverrides } from '../whiteout/overrides/stat-overrides.js';
import type { CopyUpContext, CopyUpSource } from './context.js';
import { foldAcl } from './fold-acl.js';
import { setOwner } from './set-owner.js';

export function fillMetadata(source: CopyUpSource, staged: ObjectRef, context: CopyUpContext): void {
  const { stat } = source;
  const { overrides } = context;
  let { mode } = stat;
  if (overrides !== null) tellAttributes(source, staged, overrides);
  else mode = setOwner(staged, stat, context.squash);
  mode = copyXattrs(source, staged, mode, context);
  // Before the mode, which can forbid it to an ordinary user.
  if (stat.protection !== 0) context.dialect.protections?.write(staged.dirfd, staged.name, stat.protection);
  if (source.origin !== null) context.dialect.origins?.mark(staged.dirfd, staged.name, source.origin);
  if (overrides !== null) overrides.setPhysicalMode(staged, mode);
  else if (!isSymlink(mode)) chmodObject(staged, mode & 0o7777);
  copyTimes(stat, staged);
}

/** A layer whose attributes are in xattrs has no ACLs. */
function tellAttributes(
  { dirfd, name, stat, overrides: own }: CopyUpSource,
  staged: ObjectRef,
  to: StatOverrides,
): void {
  const acl = own === null ? findXattr(dirfd, name, ACL_ACCESS) : null;
  const mode = acl === null ? stat.mode : foldAcl(stat.mode, acl);
  const { uid, gid, rdevMajor, rdevMinor } = stat;
  to.setAttributes(staged, { uid, gid, mode, rdevMajor, rdevMinor });
}

/** Returns the mode for the copy: `mode`, without permissions that the copied access ACL does not grant. */
function copyXattrs(source: CopyUpSource, staged: ObjectRef, mode: number, context: CopyUpContext): number {
  let granted = mode;
  for (const xattr of listXattrs(source.dirfd, source.name)) {
    const onDisk = nameInUpper(xattr, source, context);
    if (onDisk === null) continue;
    const value = getXattr(source.dirfd, source.name, xattr);
    if (value === null) continue;
    const written = isAcl(xattr) ? withoutForeignIds(value) : value;
    if (written !== value) {
      context.noteCutAcl();
      if (xattr === ACL_ACCESS) granted = modeWithin(granted, written);
    }
    try {
      setXattr(staged.dirfd, staged.name, onDisk, written);
    } catch (error) {
      if (!isTolerated(xattr, error, context)) throw error;
    }
  }
  return granted;
}

/** null: it stays behind. */
function nameInUpper(xattr: string, source: CopyUpSource, { dialect, overrides }: CopyUpContext): string | null {
  if (dialect.isPrivateXattr(xattr)) return null;
  if (source.overrides === null && isOverrideXattr(xattr)) return null;
  const shown = source.overrides === null ? xattr : source.overrides.xattrShown(xattr);
  return shown === null || overrides === null ? shown : overrides.xattrOnDisk(shown);
}

/**
 * - EOPNOTSUPP: the upper's file system has no such xattrs; fatal for ACLs and for `security.*`, which decide
 *   who may do what (fs/overlayfs/copy_up.c:ovl_copy_xattr).
 * - EPERM on `security.*` but capabilities: labels that only the initial user namespace may write; the
 *   security module gives the copy one of its own. Capabilities too if the mount squashes owners: then the
 *   copy may lack its owner too.
 */
function isTolerated(xattr: string, error: unknown, { squash }: CopyUpContext): boolean {
  if (!(error instanceof FsError)) return false;
  const security = xattr.startsWith(SECURITY);
  if (error.errno === Errno.EOPNOTSUPP) return !security && !isAcl(xattr);
  return error.errno === Errno.EPERM && security && (xattr !== CAPABILITY || squash !== null);
}

export function copyTimes(stat: FileStat, staged: ObjectRef): void {
  const atime = { sec: stat.atimeSec, nsec: stat.atimeNsec };
  const mtime = { sec: stat.mtimeSec, nsec: stat.mtimeNsec };
  utimesObject(staged, atime, mtime);
}
