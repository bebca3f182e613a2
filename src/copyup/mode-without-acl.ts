import { ACL_GROUP, ACL_GROUP_OBJ, ACL_MASK, ACL_USER, forEachAclEntry } from '../core/posix-acl.js';

/**
 * Computes the mode of a copy that cannot have the access ACL of its source. Nobody gains permissions. With
 * an ACL, the group bits of a mode are the mask, not the permissions of the group (man acl(5), CORRESPONDENCE
 * BETWEEN ACL ENTRIES AND FILE PERMISSION BITS). Without the ACL, a named user or a member of a named group
 * has the permissions of the group or of others.
 */
export function modeWithoutAcl(mode: number, acl: Buffer): number {
  let mask = 7;
  let group = 7;
  let named = 7;
  forEachAclEntry(acl, (_, tag, permissions) => {
    if (tag === ACL_MASK) mask = permissions;
    else if (tag === ACL_GROUP_OBJ) group = permissions;
    else if (tag === ACL_USER || tag === ACL_GROUP) named &= permissions;
  });
  const common = named & mask;
  return (mode & ~0o77) | ((group & common) << 3) | (mode & common);
}
