/**
 * Applies a directory's default ACL to an object that is made in the work directory and moved to its name
 * (fs/posix_acl.c:posix_acl_create, posix_acl_create_masq). For an object that is made at its name the kernel
 * does this.
 */

import {
  ACL_GROUP_OBJ,
  ACL_MASK,
  ACL_OTHER,
  ACL_USER_OBJ,
  aclPermissionsAt,
  forEachAclEntry,
  setAclPermissionsAt,
} from '../../core/posix-acl.js';

/** The part of a default ACL that applies to a new object. */
export interface InheritedAcl {
  /** The new object's mode: the requested one, limited to what the ACL grants. */
  readonly mode: number;
  /** Its access ACL as an xattr value; null: the mode expresses all of it. */
  readonly access: Buffer | null;
}

/**
 * @param defaultAcl value of the parent's `system.posix_acl_default`
 * @param mode the mode that the application requested; with a default ACL the umask does not apply
 */
export function inheritAcl(defaultAcl: Buffer, mode: number): InheritedAcl {
  const access = Buffer.from(defaultAcl);
  let granted = mode & 0o777;
  let extended = false;
  let groupAt = -1;
  let maskAt = -1;
  const limit = (at: number, shift: number): void => {
    const permissions = aclPermissionsAt(access, at) & (granted >> shift);
    setAclPermissionsAt(access, at, permissions);
    granted = (granted & ~(0o7 << shift)) | (permissions << shift);
  };
  forEachAclEntry(access, (at, tag) => {
    if (tag === ACL_USER_OBJ) limit(at, 6);
    else if (tag === ACL_OTHER) limit(at, 0);
    else if (tag === ACL_GROUP_OBJ) groupAt = at;
    else {
      extended = true;
      if (tag === ACL_MASK) maskAt = at;
    }
  });
  // If the ACL has a mask, the group bits of the mode are those of the mask (man acl(5)).
  if (maskAt >= 0) limit(maskAt, 3);
  else if (groupAt >= 0) limit(groupAt, 3);
  return { mode: (mode & ~0o777) | granted, access: extended ? access : null };
}
