/**
 * POSIX ACLs as values of xattrs (linux/posix_acl_xattr.h): a struct posix_acl_xattr_header, then entries of
 * struct posix_acl_xattr_entry. Only this file knows their layout.
 */

/** Tags of entries. */
export const ACL_USER_OBJ = 0x01;
export const ACL_USER = 0x02;
export const ACL_GROUP_OBJ = 0x04;
export const ACL_GROUP = 0x08;
export const ACL_MASK = 0x10;
export const ACL_OTHER = 0x20;

const HEADER_BYTES = 4;
const ENTRY_BYTES = 8;
/** Offsets in an entry, after its 16-bit tag. */
const PERMISSIONS = 2;
const ID = 4;

const ALL_PERMISSIONS = 0o7;

/**
 * The id that the kernel returns in place of an id that the reader's user namespace does not map. The kernel
 * refuses to set an ACL with this id.
 */
const FOREIGN_ID = 0xffff_ffff;

/** The permissions (rwx) of the entry at the offset `at`. */
export function aclPermissionsAt(acl: Buffer, at: number): number {
  return acl.readUInt16LE(at + PERMISSIONS) & ALL_PERMISSIONS;
}

export function setAclPermissionsAt(acl: Buffer, at: number, permissions: number): void {
  acl.writeUInt16LE(permissions, at + PERMISSIONS);
}

/** The user or group of the entry at the offset `at`, which is ACL_USER or ACL_GROUP. */
export function aclIdAt(acl: Buffer, at: number): number {
  return acl.readUInt32LE(at + ID);
}

export function setAclIdAt(acl: Buffer, at: number, id: number): void {
  acl.writeUInt32LE(id, at + ID);
}

/** Calls `visit` with the offset, tag and permissions of each entry. */
export function forEachAclEntry(acl: Buffer, visit: (at: number, tag: number, permissions: number) => void): void {
  for (let at = HEADER_BYTES; at + ENTRY_BYTES <= acl.length; at += ENTRY_BYTES) {
    visit(at, acl.readUInt16LE(at), aclPermissionsAt(acl, at));
  }
}

/**
 * Removes the entries of users and groups that this user namespace does not map. Returns `acl` itself if the
 * namespace maps all of them.
 *
 * Nobody gains permissions by the removal. A user without an entry of their own is checked against the
 * entries of groups or others (man acl(5), ACCESS CHECK ALGORITHM). So these entries lose all permissions
 * that a removed entry did not grant. The mask stays, because the group bits of a mode are the mask.
 */
export function withoutForeignIds(acl: Buffer): Buffer {
  const foreign = new Set<number>();
  let mask = ALL_PERMISSIONS;
  let others = ALL_PERMISSIONS;
  let groups = ALL_PERMISSIONS;
  forEachAclEntry(acl, (at, tag, permissions) => {
    if (tag === ACL_MASK) mask = permissions;
    if ((tag !== ACL_USER && tag !== ACL_GROUP) || aclIdAt(acl, at) !== FOREIGN_ID) return;
    foreign.add(at);
    others &= permissions;
    // A named user can be in any group, so the entries of groups lose permissions too. A member of a removed
    // group keeps only what their other groups had granted before.
    if (tag === ACL_USER) groups &= permissions;
  });
  if (foreign.size === 0) return acl;
  const kept = [acl.subarray(0, HEADER_BYTES)];
  forEachAclEntry(acl, (at, tag, permissions) => {
    if (foreign.has(at)) return;
    const entry = Buffer.from(acl.subarray(at, at + ENTRY_BYTES));
    if (tag === ACL_OTHER) setAclPermissionsAt(entry, 0, permissions & others & mask);
    else if (tag === ACL_GROUP_OBJ || tag === ACL_GROUP) setAclPermissionsAt(entry, 0, permissions & groups);
    kept.push(entry);
  });
  return Buffer.concat(kept);
}

/** Removes from `mode` the permissions for others that the access ACL `acl` does not grant. */
export function modeWithin(mode: number, acl: Buffer): number {
  let others = ALL_PERMISSIONS;
  forEachAclEntry(acl, (_, tag, permissions) => {
    if (tag === ACL_OTHER) others = permissions;
  });
  return mode & (~ALL_PERMISSIONS | others);
}
