/** The config of a mount: plain data, which is passed to the daemon and to the serving thread. */
import type { AccessTimes } from '../../core/access-times.js';
import {
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_RDONLY,
  MS_RELATIME,
  MS_STRICTATIME,
} from '../../core/flags.js';
import type { AufsSettings, OverlaySettings, OverrideKind, OwnershipView } from '../../union/index.js';

export type { OverrideKind, OwnershipView };

/**
 * All settings of a mount, with defaults applied. All paths are bytes (latin1-decoded). Relative paths start
 * at the working directory of the serving process.
 */
export interface MountConfig {
  /** How deletions are stored in the layers. */
  dialect: 'overlay' | 'aufs';
  /** Used only with the aufs dialect. */
  aufs: AufsSettings;
  /** Present with the overlay dialect only. */
  overlay?: OverlaySettings;
  /** The lower layers, top first: at least one, except in an aufs union that has only its rw branch. */
  lowers: string[];
  /**
   * The number of data-only layers at the end of `lowers`: they have data of files above them, and no names.
   */
  dataLayers: number;
  upper?: string;
  work?: string;
  mountpoint: string;
  /**
   * A descriptor of /dev/fuse that the caller has mounted already, given as `/dev/fd/N`. `mountpoint` is the
   * path of that mount, or `/dev/fd/N` if this mount namespace does not show it.
   */
  deviceFd?: number;
  /**
   * The request for a read-only mount. A mount without an upper is always read-only: see {@link isReadOnly}.
   */
  readOnly: boolean;
  suid: boolean;
  dev: boolean;
  exec: boolean;
  accessTimes: AccessTimes;
  allowOther: boolean;
  /** Owners and xattrs that are shown in another way than the layers have them. Absent: none. */
  ownership?: OwnershipView;
  /** `.wh.` files of the upper are whiteouts too. Used only with the overlay dialect. */
  markersInUpper?: boolean;
  /** The upper keeps owners, modes and file types in xattrs. Absent: it does so if an earlier mount did. */
  overrides?: OverrideKind;
  /** fsync does nothing, and a mark in the work directory prevents another mount of the upper. */
  volatile: boolean;
  /** False: fsync does nothing, and no mark is left. */
  fsync: boolean;
  /** `auto`: the kernel reads and writes files of the layers itself where it can. */
  passthrough: 'auto' | 'off';
  /** How plyfs gets requests from the kernel (docs/transports.md has the limits of each). */
  transport: Transport;
  /** fuse-native: a request without progress for this many seconds is abandoned. */
  requestTimeout: number;
  /** How long the kernel may cache entries and attributes, in seconds. */
  timeout: number;
  /** The mount is refused if it has more lower layers. */
  maxLayers: number;
  /** The source in /proc/mounts (its first field). */
  fsname: string;
  /** The shown file system type is `fuse.SUBTYPE`. */
  subtype: string;
  /** Log every request. */
  debug: boolean;
}

/**
 * `direct`: plyfs itself implements the kernel's FUSE protocol. `fuse-native`: plyfs uses libfuse 2, through
 * the package of that name.
 */
export type Transport = 'direct' | 'fuse-native';

/** Docker's limit for overlay2. */
export const DEFAULT_MAX_LAYERS = 128;
/** The limit of the kernel (fs/overlayfs/params.h OVL_MAX_STACK). */
export const HIGHEST_MAX_LAYERS = 500;

/**
 * The timeout of a cache that never expires, in seconds. Nothing else changes the layers, so the kernel's
 * caches are valid until plyfs invalidates them.
 */
export const FOREVER = 1e9;

/** Whether the mount rejects all changes. */
export function isReadOnly(config: MountConfig): boolean {
  return config.readOnly || config.upper === undefined;
}

/** The flag of mount(2) for each mode of access times. */
const ATIME_FLAGS = { relatime: MS_RELATIME, strictatime: MS_STRICTATIME, noatime: MS_NOATIME } as const;

/** The settings of a mount that flags of mount(2) express. */
export type FlagSettings = Pick<MountConfig, 'readOnly' | 'suid' | 'dev' | 'exec' | 'accessTimes'>;

/** The flags of mount(2) for `config`. */
export function mountFlags(config: MountConfig): number {
  return flagsOf({ ...config, readOnly: isReadOnly(config) });
}

/** The flags of mount(2) for these settings. */
export function flagsOf({ readOnly, suid, dev, exec, accessTimes }: FlagSettings): number {
  return (
    (readOnly ? MS_RDONLY : 0) |
    (suid ? 0 : MS_NOSUID) |
    (dev ? 0 : MS_NODEV) |
    (exec ? 0 : MS_NOEXEC) |
    ATIME_FLAGS[accessTimes.mode] |
    (accessTimes.directories ? 0 : MS_NODIRATIME)
  );
}
