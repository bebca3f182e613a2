/**
 * Copies the attributes of the source to a staged object, in the only order that keeps all of them: the owner
 * first, because chown clears set-id bits and capabilities; xattrs after the data, because a write clears
 * capabilities; the mode after the ACL, because setting the ACL changes it; times last.
 */
import { Errno, FsError } from '../core/errno.js';
import { isSymlink } from '../core/file-mode.js';
import { modeWithin, withoutForeignIds } from '../core/posix-acl.js';
import { ACL_ACCESS, CAPABILITY, isAcl, SECURITY } from '../core/xattr-names.js';
import { chmodObject, copyTimes, type ObjectRef } from '../sys/files/object-ref.js';
import { findXattr, getXattr, listXattrs, setXattr } from '../sys/files/xattr.js';
import { isOverrideXattr } from '../whiteout/overrides/override-names.js';
import type { StatOverrides } from '../whiteout/overrides/stat-overrides.js';
import type { CopyUpContext, CopyUpSource } from './context.js';
import { modeWithoutAcl } from './mode-without-acl.js';
import { setOwner } from './set-owner.js';

export function fillMetadata(source: CopyUpSource, staged: ObjectRef, context: CopyUpContext): void {
  const { stat } = source;
  const { overrides } = context;
  let { mode } = stat;
  if (overrides !== null) storeAttributes(source, staged, overrides);
  else mode = setOwner(staged, stat, context.squash);
  mode = copyXattrs(source, staged, mode, context);
  // Protection and origin can be xattrs. They are set before the mode, because the mode can take write
  // permission from a server without privileges.
  if (stat.protection !== 0) context.dialect.protections?.write(staged.dirfd, staged.name, stat.protection);
  if (source.origin !== null) context.dialect.origins?.mark(staged.dirfd, staged.name, source.origin);
  if (overrides !== null) overrides.setPhysicalMode(staged, mode);
  else if (!isSymlink(mode)) chmodObject(staged, mode & 0o7777);
  copyTimes(stat, staged);
}

/**
 * Stores the attributes in an xattr. A layer with such xattrs has no ACLs, so the mode includes the ACL's
 * limits.
 */
function storeAttributes(
  { dirfd, name, stat, overrides: own }: CopyUpSource,
  staged: ObjectRef,
  to: StatOverrides,
): void {
  const acl = own === null ? findXattr(dirfd, name, ACL_ACCESS) : null;
  const mode = acl === null ? stat.mode : modeWithoutAcl(stat.mode, acl);
  const { uid, gid, rdevMajor, rdevMinor } = stat;
  to.setAttributes(staged, { uid, gid, mode, rdevMajor, rdevMinor });
}

/** Copies the xattrs. Returns `mode` without permissions that the copied access ACL does not grant. */
function copyXattrs(source: CopyUpSource, staged: ObjectRef, mode: number, context: CopyUpContext): number {
  let granted = mode;
  for (const xattr of listXattrs(source.dirfd, source.name)) {
    const onDisk = nameInUpper(xattr, source, context);
    if (onDisk === null) continue;
    const value = getXattr(source.dirfd, source.name, xattr);
    if (value === null) continue;
    const written = isAcl(xattr) ? withoutForeignIds(value) : value;
    if (written !== value) {
      context.warnOfCutAcl();
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

/** The name of the copied xattr on disk; null: the xattr is not copied. */
function nameInUpper(xattr: string, source: CopyUpSource, { dialect, overrides }: CopyUpContext): string | null {
  if (dialect.isPrivateXattr(xattr)) return null;
  if (source.overrides === null && isOverrideXattr(xattr)) return null;
  const shown = source.overrides === null ? xattr : source.overrides.xattrShown(xattr);
  return shown === null || overrides === null ? shown : overrides.xattrOnDisk(shown);
}

/**
 * Whether the copy can be made without the xattr.
 * - EOPNOTSUPP: the upper's file system has no such xattrs. An error for ACLs and `security.*`, because they
 *   decide about permissions (fs/overlayfs/copy_up.c:ovl_copy_xattr).
 * - EPERM for `security.*` except capabilities: only the initial user namespace can write these labels, and
 *   the security module sets one on the copy. Also for capabilities if the mount squashes owners, because
 *   then the copy can lack its owner too.
 */
function isTolerated(xattr: string, error: unknown, { squash }: CopyUpContext): boolean {
  if (!(error instanceof FsError)) return false;
  const security = xattr.startsWith(SECURITY);
  if (error.errno === Errno.EOPNOTSUPP) return !security && !isAcl(xattr);
  return error.errno === Errno.EPERM && security && (xattr !== CAPABILITY || squash !== null);
}
