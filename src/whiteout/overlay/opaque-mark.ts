/** Values of the overlay's marks (fs/overlayfs/super.c, fs/overlayfs/util.c). */

const YES = 'y';
const HAS_XATTR_WHITEOUTS = 'x';

/** The value of a mark that is set: `overlay.opaque` of an opaque directory, and `overlay.impure`. */
export const SET = Buffer.from(YES);

/**
 * In place of {@link SET}, a value of `overlay.opaque`: the directory is not opaque, but it can contain
 * whiteouts that are regular files with an xattr (Linux 6.7). Listing it requires a look at each file.
 */
export const MAY_HAVE_XATTR_WHITEOUTS = Buffer.from(HAS_XATTR_WHITEOUTS);

/**
 * Whether this value of `overlay.opaque` makes a directory opaque. A longer one does not
 * (fs/overlayfs/namei.c:ovl_get_dir_xattr_val reads a single byte).
 */
export function isOpaqueMark(value: Buffer | null): boolean {
  return value?.toString('latin1') === YES;
}

export function isXattrWhiteoutsMark(value: Buffer | null): boolean {
  return value?.toString('latin1') === HAS_XATTR_WHITEOUTS;
}
