/** Maps user and group ids in xattr values. */
import { Errno, fsError } from '../../core/errno.js';
import type { IdMap } from '../../core/id-map.js';
import { ACL_GROUP, ACL_USER, aclIdAt, forEachAclEntry, setAclIdAt } from '../../core/posix-acl.js';

/**
 * The two forms of a file capability, by their revision and size (linux/capability.h). One of revision 3 is
 * valid only in user namespaces whose root is the user `rootid`.
 */
const VFS_CAP_REVISION_2 = 0x02000000;
const XATTR_CAPS_SZ_2 = 20;
const VFS_CAP_REVISION_3 = 0x03000000;
const XATTR_CAPS_SZ_3 = 24;
const VFS_CAP_REVISION_MASK = 0xff000000;
/** The offset of `rootid` in struct vfs_ns_cap_data. */
const ROOTID_OFFSET = 20;

/** Maps one id, to the disk or to what is shown. null: there is no such id on the other side. */
export type Direction = (map: IdMap, id: number) => number | null;

export const toShown: Direction = (map, id) => map.shown(id);
export const toDisk: Direction = (map, id) => map.disk(id);

/**
 * Returns a copy of an ACL with its users and groups mapped.
 * @throws FsError EINVAL if an id cannot be mapped (fs/posix_acl.c:posix_acl_from_xattr)
 */
export function mapAcl(acl: Buffer, uids: IdMap, gids: IdMap, direction: Direction): Buffer {
  const mapped = Buffer.from(acl);
  forEachAclEntry(mapped, (at, tag) => {
    if (tag !== ACL_USER && tag !== ACL_GROUP) return;
    const id = direction(tag === ACL_USER ? uids : gids, aclIdAt(mapped, at));
    if (id === null) throw fsError(Errno.EINVAL, 'xattr');
    setAclIdAt(mapped, at, id);
  });
  return mapped;
}

/**
 * Returns a copy of a file capability with its user mapped. A capability without a user is valid for root. If
 * the mount shows root as another user, the mapped capability is valid only in the user namespaces of that
 * user, not on the whole machine (security/commoncap.c:cap_inode_getsecurity).
 * @throws FsError EINVAL if the user cannot be mapped
 */
export function mapCapability(value: Buffer, uids: IdMap, direction: Direction): Buffer {
  if (isOfRevision(value, VFS_CAP_REVISION_2, XATTR_CAPS_SZ_2) && direction === toShown && uids.shown(0) !== 0) {
    const named = Buffer.concat([value, Buffer.alloc(XATTR_CAPS_SZ_3 - XATTR_CAPS_SZ_2)]);
    const flags = value.readUInt32LE(0) & ~VFS_CAP_REVISION_MASK;
    named.writeUInt32LE(VFS_CAP_REVISION_3 | flags, 0);
    named.writeUInt32LE(uids.shown(0), ROOTID_OFFSET);
    return named;
  }
  if (!isOfRevision(value, VFS_CAP_REVISION_3, XATTR_CAPS_SZ_3)) return value;
  const mapped = Buffer.from(value);
  const id = direction(uids, mapped.readUInt32LE(ROOTID_OFFSET));
  if (id === null) throw fsError(Errno.EINVAL, 'xattr');
  mapped.writeUInt32LE(id, ROOTID_OFFSET);
  return mapped;
}

function isOfRevision(value: Buffer, revision: number, size: number): boolean {
  return value.length === size && (value.readUInt32LE(0) & VFS_CAP_REVISION_MASK) >>> 0 === revision;
}
