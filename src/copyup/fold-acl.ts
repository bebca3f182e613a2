/** Tags of `struct posix_acl_xattr_entry` (linux/posix_acl_xattr.h). */
const USER = 0x02;
const GROUP_OBJ = 0x04;
const GROUP = 0x08;
const MASK = 0x10;
const HEADER_BYTES = 4;
const ENTRY_BYTES = 8;

/**
 * The mode of a copy that cannot have the access ACL of its source: nobody is granted what the ACL kept from him. With an
 * ACL the group bits of a mode are its mask, which says nothing of the group (man acl(5), CORRESPONDENCE BETWEEN ACL
 * ENTRIES AND FILE PERMISSION BITS); and who was named counts as one of the group or of the others from now on.
 */
export function foldAcl(mode: number, acl: Buffer): number {
  let mask = 7;
  let group = 7;
  let named = 7;
  for (let at = HEADER_BYTES; at + ENTRY_BYTES <= acl.length; at += ENTRY_BYTES) {
    const tag = acl.readUInt16LE(at);
    const permissions = acl.readUInt16LE(at + 2) & 7;
    if (tag === MASK) mask = permissions;
    else if (tag === GROUP_OBJ) group = permissions;
    else if (tag === USER || tag === GROUP) named &= permissions;
  }
  const left = named & mask;
  return (mode & ~0o77) | ((group & left) << 3) | (mode & left);
}
