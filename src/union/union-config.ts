import type { AccessTimes } from '../core/access-times.js';
import type { OverrideKind } from '../whiteout/overrides/stat-overrides.js';
import type { OwnershipView } from './filesystem/mapped-filesystem.js';

/** What a union is made of. Paths are bytes, latin1-decoded. */
export interface UnionConfig {
  /** Top first; at least one if there is no upper. */
  readonly lowers: readonly string[];
  /** Absent: a read-only union. */
  readonly upper?: string;
  /** The first of `lowers` is an upper that is only read: no name in it is a whiteout of another dialect. */
  readonly topIsUpper?: boolean;
  /**
   * In the overlay dialect, `.wh.` files of the upper are whiteouts as those of lower layers are, and none
   * can be made there: as fuse-overlayfs has it, and container engines want it that mount a layer as the
   * upper.
   */
  readonly markersInUpper?: boolean;
  /** Needed with an upper, but by the aufs dialect, which keeps a work directory in it. */
  readonly work?: string;
  /** How the overlay dialect is read and written; absent: {@link defaultOverlay}. */
  readonly overlay?: OverlaySettings;
  /** Layers are read and written as aufs does; absent: as the kernel's overlayfs does. */
  readonly aufs?: AufsSettings;
  /**
   * Owners, modes and kinds are kept in xattrs by the upper; absent: if its root says so. See
   * `StatOverrides`.
   */
  readonly overrides?: OverrideKind;
  /** When reading updates access times in the upper; absent: relatime. Those of lower layers never change. */
  readonly accessTimes?: AccessTimes;
  /** Never wait for the disk: what a crash of the machine loses is lost. */
  readonly volatile: boolean;
  /** Leaves word in the work directory that the upper is such a one, so that it is not mounted again. */
  readonly volatileMark?: boolean;
  /** What is shown otherwise than the layers have it; absent: nothing. */
  readonly ownership?: OwnershipView;
  /** Receives one line about something odd that does not stop the mount. */
  readonly log: (line: string) => void;
}

/** What only the overlay dialect knows: options of the kernel's overlayfs, their conflicts settled. */
export interface OverlaySettings {
  /**
   * `on`: a directory that lower layers have can be renamed, and says in an xattr where the rest of it is.
   * `follow`: only read. `nofollow`: not even that, because such an xattr leads to any directory of the
   * layers, whoever may search it.
   */
  readonly redirect: 'on' | 'follow' | 'nofollow';
  /** A change of a lower file's attributes copies no data. */
  readonly metacopy: boolean;
  /** Hard links of a lower file stay one file when it is copied up. */
  readonly index: boolean;
  /** The namespace of private xattrs. */
  readonly xattrs: 'trusted' | 'user';
  /** How many of the lower layers, at the end, give data to files above, and no names. */
  readonly dataLayers: number;
  /** Copies do not say on which file system their origin is, if all layers are on one: `uuid=off`. */
  readonly ignoresUuid?: boolean;
}

/** As the kernel without its options and with the defaults of its configuration (fs/overlayfs/Kconfig). */
export function defaultOverlay(xattrs: OverlaySettings['xattrs']): OverlaySettings {
  // Behind `user.` xattrs, which anybody can set, nothing is followed
  // (fs/overlayfs/params.c:ovl_fs_params_verify).
  const redirect = xattrs === 'user' ? 'nofollow' : 'follow';
  return { redirect, metacopy: false, index: false, xattrs, dataLayers: 0 };
}

/** What only the aufs dialect knows. */
export interface AufsSettings {
  /** Lower layers, by index, whose whiteouts hide nothing: branches that are `ro` without `+wh`. */
  readonly ignoresWhiteouts: readonly number[];
  /** Whiteouts are hard links to one file; false: the branch attribute `nolwh`. */
  readonly linkWhiteouts: boolean;
  /** Each new directory is made opaque: `diropq=always`. */
  readonly alwaysOpaque: boolean;
  /** Hard links of a lower file stay one file when it is copied up; false: `noplink`. */
  readonly keepLinks: boolean;
}
