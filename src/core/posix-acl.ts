/**
 * POSIX ACLs as xattr values: struct posix_acl_xattr_header and posix_acl_xattr_entry
 * (linux/posix_acl_xattr.h).
 */

export const ACL_ACCESS = 'system.posix_acl_access';
export const ACL_DEFAULT = 'system.posix_acl_default';

/** Whether the xattr of this name is an ACL. */
export function isAcl(xattr: string): boolean {
  return xattr === ACL_ACCESS || xattr === ACL_DEFAULT;
}

/** Tags of entries. */
export const ACL_USER_OBJ = 0x01;
export const ACL_USER = 0x02;
export const ACL_GROUP_OBJ = 0x04;
export const ACL_GROUP = 0x08;
export const ACL_MASK = 0x10;
export const ACL_OTHER = 0x20;

const ACL_HEADER_BYTES = 4;
const ACL_ENTRY_BYTES = 8;

/**
 * The kernel shows this in place of an id that the reader's user namespace does not map. An ACL with it
 * cannot be set.
 */
const FOREIGN_ID = 0xffff_ffff;

/** Calls `visit` with the offset, tag and permissions of each entry. */
export function forEachAclEntry(acl: Buffer, visit: (at: number, tag: number, permissions: number) => void): void {
  for (let at = ACL_HEADER_BYTES; at + ACL_ENTRY_BYTES <= acl.length; at += ACL_ENTRY_BYTES) {
    visit(at, acl.readUInt16LE(at), acl.readUInt16LE(at + 2) & 7);
  }
}

/**
 * `acl` without the entries of users and groups that this user namespace does not map; `acl` itself if it
 * maps all.
 *
 * Nobody gains permissions by that. A user without an entry of their own is checked against the entries of
 * groups or others (man acl(5), ACCESS CHECK ALGORITHM). So these entries lose all permissions that a removed
 * entry did not grant. The mask stays, because the group bits of a mode are the mask.
 */
export function withoutForeignIds(acl: Buffer): Buffer {
  const foreign = new Set<number>();
  let mask = 7;
  let others = 7;
  let groups = 7;
  forEachAclEntry(acl, (at, tag, permissions) => {
    if (tag === ACL_MASK) mask = permissions;
    if ((tag !== ACL_USER && tag !== ACL_GROUP) || acl.readUInt32LE(at + 4) !== FOREIGN_ID) return;
    foreign.add(at);
    others &= permissions;
    // A named user can be in any group, so the entries of groups lose permissions too. A member of a removed
    // group keeps only what their other groups had granted before.
    if (tag === ACL_USER) groups &= permissions;
  });
  if (foreign.size === 0) return acl;
  const kept = [acl.subarray(0, ACL_HEADER_BYTES)];
  forEachAclEntry(acl, (at, tag, permissions) => {
    if (foreign.has(at)) return;
    const entry = Buffer.from(acl.subarray(at, at + ACL_ENTRY_BYTES));
    if (tag === ACL_OTHER) entry.writeUInt16LE(permissions & others & mask, 2);
    else if (tag === ACL_GROUP_OBJ || tag === ACL_GROUP) entry.writeUInt16LE(permissions & groups, 2);
    kept.push(entry);
  });
  return Buffer.concat(kept);
}

/** `mode`, without permissions for others that the access ACL `acl` does not grant. */
export function modeWithin(mode: number, acl: Buffer): number {
  let others = 7;
  forEachAclEntry(acl, (_, tag, permissions) => {
    if (tag === ACL_OTHER) others = permissions;
  });
  return mode & (~0o7 | others);
}
