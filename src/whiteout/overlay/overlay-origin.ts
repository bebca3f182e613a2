/**
 * Marks that a copy-up leaves for the next mount: on the copy, the identity of its lower file
 * (`overlay.origin`); on the directory of the copy, that it contains such copies (`overlay.impure`). Only
 * entries of impure directories have to be examined.
 */
import { isErrno } from '../../core/errno.js';
import { UUID_BYTES } from '../../sys/files/file-handle.js';
import { removeXattr, setXattr } from '../../sys/files/xattr.js';
import type { FileIdentity, OriginMarks } from '../dialect.js';
import { SET } from './opaque-mark.js';

/** `struct ovl_fb` (fs/overlayfs/overlayfs.h): version, magic, length, flags, handle type, UUID, handle. */
const VERSION = 0;
const MAGIC = 0xfb;
const HEADER = 5 + UUID_BYTES;
const FLAG_BIG_ENDIAN = 1;
const FLAG_ANY_ENDIAN = 2;
const FLAG_OF_UPPER = 4;
const ALL_FLAGS = FLAG_BIG_ENDIAN | FLAG_ANY_ENDIAN | FLAG_OF_UPPER;

const NOTHING = new Uint8Array(0);

export function encodeOrigin({ uuid, handle }: FileIdentity, isOfUpper = false): Uint8Array {
  const { type, id } = handle;
  const length = HEADER + id.length;
  // The length is one byte. The kernel does not store a longer handle either (ovl_encode_real_fh).
  if (length > 0xff) return NOTHING;
  return Buffer.concat([Buffer.from([VERSION, MAGIC, length, isOfUpper ? FLAG_OF_UPPER : 0, type & 0xff]), uuid, id]);
}

/** Returns null for a value that identifies no file, or is in an unknown format (ovl_check_fb_len). */
export function decodeOrigin(origin: Uint8Array): FileIdentity | null {
  const [version = 0, magic, length = 0, flags = 0, type = 0] = origin;
  if (magic !== MAGIC || length <= HEADER || length > origin.length) return null;
  if (version > VERSION || (flags & ~ALL_FLAGS) !== 0) return null;
  if ((flags & FLAG_ANY_ENDIAN) === 0 && (flags & FLAG_BIG_ENDIAN) !== 0) return null;
  return { uuid: origin.subarray(5, HEADER), handle: { type, id: origin.subarray(HEADER, length) } };
}

export class OverlayOrigins implements OriginMarks {
  constructor(
    private readonly originXattr: string,
    private readonly impureXattr: string,
  ) {}

  readonly decode = decodeOrigin;

  encode(file: FileIdentity | null): Uint8Array {
    return file === null ? NOTHING : encodeOrigin(file);
  }

  mark(dirfd: number, name: string, origin: Uint8Array): void {
    try {
      setXattr(dirfd, name, this.originXattr, origin);
    } catch (error) {
      // The file system has no such xattrs, or this is a symlink or a device, which cannot have `user.` ones.
      // The copy gets an inode number of its own at the next mount
      // (fs/overlayfs/copy_up.c:ovl_set_origin_fh).
      if (!isErrno(error, 'EOPNOTSUPP', 'EPERM')) throw error;
    }
  }

  markImpure(dirfd: number): void {
    try {
      setXattr(dirfd, '', this.impureXattr, SET);
    } catch (error) {
      // The file system has no such xattrs; or a `user.` one cannot be set, because the directory belongs to
      // another user or is sticky.
      if (!isErrno(error, 'EOPNOTSUPP', 'EPERM', 'EACCES')) throw error;
    }
  }

  unmarkImpure(dirfd: number): void {
    removeXattr(dirfd, '', this.impureXattr);
  }
}
