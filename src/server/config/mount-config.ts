/** What a mount is made of: plain data that crosses to the daemon and to the serving thread. */
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
 * All paths are bytes (latin1-decoded); relative ones start at the working directory of the process that
 * serves.
 */
export interface MountConfig {
  /** How deletions are stored in the layers. */
  dialect: 'overlay' | 'aufs';
  /** Counts with the aufs dialect only. */
  aufs: AufsSettings;
  /** Present with the overlay dialect only. */
  overlay?: OverlaySettings;
  /** Top first; at least one, but for an aufs union of its rw branch alone. */
  lowers: string[];
  /** How many of `lowers`, at the end, give data to files above them, and no names. */
  dataLayers: number;
  upper?: string;
  work?: string;
  mountpoint: string;
  /**
   * A descriptor of /dev/fuse that the caller has mounted already, given as `/dev/fd/N`. `mountpoint` is the
   * path of that mount, or `/dev/fd/N` if this mount namespace does not show it.
   */
  deviceFd?: number;
  /** Asked for; a mount without an upper is read-only in any case. */
  readOnly: boolean;
  suid: boolean;
  dev: boolean;
  exec: boolean;
  accessTimes: AccessTimes;
  allowOther: boolean;
  /** What is shown otherwise than the layers have it; absent: nothing. */
  ownership?: OwnershipView;
  /** `.wh.` files of the upper are whiteouts too; counts with the overlay dialect only. */
  markersInUpper?: boolean;
  /** The upper keeps owners, modes and kinds in xattrs; absent: if it did so before. */
  overrides?: OverrideKind;
  /** fsync does nothing, and the work directory says that the upper is not to be mounted again. */
  volatile: boolean;
  /** False: fsync does nothing. */
  fsync: boolean;
  passthrough: 'auto' | 'off';
  /** How requests come from the kernel; docs/transports.md has what the second cannot carry. */
  transport: Transport;
  /** fuse-native: seconds after which a request that makes no progress is given up. */
  requestTimeout: number;
  /** Seconds for which the kernel may keep entries and attributes. */
  timeout: number;
  /** How many lower layers are accepted. */
  maxLayers: number;
  /** First field of /proc/mounts. */
  fsname: string;
  /** The file system type shown is `fuse.SUBTYPE`. */
  subtype: string;
  /** Log every request. */
  debug: boolean;
}

/**
 * `direct`: the kernel's FUSE protocol, spoken by plyfs itself. `fuse-native`: libfuse 2, through that
 * package.
 */
export type Transport = 'direct' | 'fuse-native';

/**
 * Docker's limit for overlay2; the kernel's own is {@link HIGHEST_MAX_LAYERS} (fs/overlayfs/params.h
 * OVL_MAX_STACK).
 */
export const DEFAULT_MAX_LAYERS = 128;
export const HIGHEST_MAX_LAYERS = 500;

/** Seconds. Nothing else changes the layers, so what the kernel knows stays true until plyfs invalidates it. */
export const FOREVER = 1e9;

export function isReadOnly(config: MountConfig): boolean {
  return config.readOnly || config.upper === undefined;
}

const ATIME_FLAGS = { relatime: MS_RELATIME, strictatime: MS_STRICTATIME, noatime: MS_NOATIME } as const;

/** The settings of a mount that flags of mount(2) express. */
export type FlagSettings = Pick<MountConfig, 'readOnly' | 'suid' | 'dev' | 'exec' | 'accessTimes'>;

/** mount(2) flags. */
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
