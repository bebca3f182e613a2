/** What is to be mounted where. All strings are latin1-decoded bytes. */
export interface MountRequest {
  /** Shown as the mount's source where {@link fsname} is empty. */
  source: string;
  /** The mountpoint, absolute. */
  target: string;
  /** The type is shown as `fuse.SUBTYPE`; empty: `fuse`. */
  subtype: string;
  fsname: string;
  /** MS_* of mount(2). */
  flags: number;
  /** Other users than the mounting one may use the mount. */
  allowOther: boolean;
  /** The kernel checks permissions. */
  defaultPermissions: boolean;
  /** S_IF* and permissions of the mountpoint. */
  rootMode: number;
}

/** Why a mount, or an unmount, was refused, in the words of who refused it. */
export class HelperError extends Error {
  override readonly name = 'HelperError';
}
