import type { CopyPool } from '../copyup/pool/copy-pool.js';
import type { AccessTimes } from '../core/access-times.js';
import type { OverrideKind } from '../whiteout/overrides/stat-overrides.js';
import type { EndingPolicy } from '../whiteout/work/still-ending.js';
import type { OwnershipView } from './filesystem/mapped-filesystem.js';
import type { FdPool } from './layers/fd-pool.js';
import type { PrefetchThreads } from './prefetch/prefetch-threads.js';

/** The configuration of a union. Paths are bytes, decoded as latin1. */
export interface UnionConfig {
  /** Top first; at least one if there is no upper. */
  readonly lowers: readonly string[];
  /** Absent: a read-only union. */
  readonly upper?: string;
  /**
   * The first of `lowers` is an upper that is only read: it is read as an upper, without `.wh.` files as
   * whiteouts.
   */
  readonly topIsUpper?: boolean;
  /**
   * Overlay dialect: `.wh.` files of the upper are whiteouts, as in lower layers, and no such name can be
   * made. fuse-overlayfs does this, and container engines that mount a layer as the upper depend on it.
   */
  readonly markersInUpper?: boolean;
  /** Required with an upper, except in the aufs dialect, whose work directory is in the upper. */
  readonly work?: string;
  /** Features of the overlay dialect; absent: {@link defaultOverlay}. */
  readonly overlay?: OverlaySettings;
  /** Layers are read and written as aufs does; absent: as the kernel's overlayfs does. */
  readonly aufs?: AufsSettings;
  /**
   * The upper keeps owners, modes and types in xattrs of this kind; absent: only if its root has the mark of
   * that. See `StatOverrides`.
   */
  readonly overrides?: OverrideKind;
  /** When reading updates access times in the upper; absent: relatime. Those of lower layers never change. */
  readonly accessTimes?: AccessTimes;
  /** Never wait for the disk: a crash of the machine can lose changes. */
  readonly volatile: boolean;
  /**
   * Mark the work directory as volatile, so that the upper is not mounted again until the mark is removed.
   */
  readonly volatileMark?: boolean;
  /** The action if the server of an earlier mount still has the upper open; absent: wait for it. */
  readonly whileEnding?: EndingPolicy;
  /** How owners, ACLs and xattrs are shown if not as on the disk; absent: as on the disk. */
  readonly ownership?: OwnershipView;
  /** The fds that this union shares with others of the process; absent: it has them alone. */
  readonly fdPool?: FdPool;
  /** The helper threads that this union shares with others of its serving thread; absent: it has its own. */
  readonly copyPool?: CopyPool;
  /** The prefetch threads that this union shares with others of its serving thread; absent: its own. */
  readonly prefetchThreads?: PrefetchThreads;
  /** Receives one line about a problem that does not stop the mount. */
  readonly log: (line: string) => void;
}

/** Features of the overlay dialect: the options of the kernel's overlayfs, with their conflicts resolved. */
export interface OverlaySettings {
  /**
   * `on`: a directory that lower layers have can be renamed; an xattr of it names the lower directories that
   * belong to it (a redirect). `follow`: redirects are followed, but not made. `nofollow`: they are not even
   * followed, because a redirect leads to any directory of the layers, even if the caller cannot search it.
   */
  readonly redirect: 'on' | 'follow' | 'nofollow';
  /** A change of a lower file's attributes copies up no data. */
  readonly metacopy: boolean;
  /** Hard links of a lower file stay one file when it is copied up. */
  readonly index: boolean;
  /** The namespace of private xattrs. */
  readonly xattrs: 'trusted' | 'user';
  /** How many of the lower layers, at the end of the list, give data to files above them, and no names. */
  readonly dataLayers: number;
  /** `uuid=off`: copies do not record the file system of their origin, if all layers are on one. */
  readonly ignoresUuid?: boolean;
}

/** The kernel's features without mount options and with the defaults of fs/overlayfs/Kconfig. */
export function defaultOverlay(xattrs: OverlaySettings['xattrs']): OverlaySettings {
  // Any user can set `user.` xattrs, so redirects in them are not followed
  // (fs/overlayfs/params.c:ovl_fs_params_verify).
  const redirect = xattrs === 'user' ? 'nofollow' : 'follow';
  return { redirect, metacopy: false, index: false, xattrs, dataLayers: 0 };
}

/** Settings of the aufs dialect. */
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
