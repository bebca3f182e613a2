/**
 * A mount to make. All strings are latin1-decoded bytes. The mount is always a directory, and the kernel
 * checks permissions (default_permissions).
 */
export interface MountRequest {
  /** The mountpoint, absolute. */
  target: string;
  /** /proc/mounts shows the type `fuse.SUBTYPE`; empty: `fuse`. */
  subtype: string;
  /** /proc/mounts shows it as the source of the mount. */
  fsname: string;
  /** MS_* of mount(2). */
  flags: number;
  /** Users other than the mounting one can access the mount. */
  allowOther: boolean;
}

/** A helper program or library refused a mount or an unmount. The message is its own. */
export class HelperError extends Error {
  override readonly name = 'HelperError';
}
