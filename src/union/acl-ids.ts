/** User and group ids inside of xattr values. */
import { Errno, fsError } from '../core/errno.js';
import type { IdMap } from '../core/id-map.js';

/** struct posix_acl_xattr_header and posix_acl_xattr_entry (linux/posix_acl_xattr.h). */
const HEADER = 4;
const ENTRY = 8;
const USER = 0x02;
const GROUP = 0x08;

/** struct vfs_ns_cap_data (linux/capability.h): a capability that counts below one user's namespace. */
const NAMESPACED = 0x03000000;
const REVISION_MASK = 0xff000000;
const NAMESPACED_SIZE = 24;
const ROOT_ID = 20;

/** Which way ids go; null: there is no such id on the other side. */
export type Direction = (map: IdMap, id: number) => number | null;

export const toShown: Direction = (map, id) => map.shown(id);
export const toDisk: Direction = (map, id) => map.disk(id);

/** A copy of an ACL with its users and groups mapped. EINVAL for one that cannot be (fs/posix_acl.c:posix_acl_from_xattr). */
export function mapAcl(acl: Buffer, uids: IdMap, gids: IdMap, direction: Direction): Buffer {
  const mapped = Buffer.from(acl);
  for (let at = HEADER; at + ENTRY <= mapped.length; at += ENTRY) {
    const tag = mapped.readUInt16LE(at);
    if (tag !== USER && tag !== GROUP) continue;
    const id = direction(tag === USER ? uids : gids, mapped.readUInt32LE(at + 4));
    if (id === null) throw fsError(Errno.EINVAL, 'xattr');
    mapped.writeUInt32LE(id, at + 4);
  }
  return mapped;
}

/** A copy of a file capability with the user it counts for mapped, if it names one. */
export function mapCapability(value: Buffer, uids: IdMap, direction: Direction): Buffer {
  if (value.length !== NAMESPACED_SIZE || (value.readUInt32LE(0) & REVISION_MASK) >>> 0 !== NAMESPACED) return value;
  const mapped = Buffer.from(value);
  const id = direction(uids, mapped.readUInt32LE(ROOT_ID));
  if (id === null) throw fsError(Errno.EINVAL, 'xattr');
  mapped.writeUInt32LE(id, ROOT_ID);
  return mapped;
}
