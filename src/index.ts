/**
 * plyfs as a library.
 *
 * ```js import { mount } from 'plyfs';
 *
 * const tree = await mount({ lowers: ['/srv/base'], upper: '/srv/upper', work: '/srv/work', mountpoint:
 * '/mnt' }); // ... use /mnt, also with synchronous calls: it is served by a thread of its own ... await
 * tree.unmount(); ```
 */
import { toBytesName } from './core/entry-name.js';
import { Errno } from './core/errno.js';
import { checkConfig } from './server/checks/check-config.js';
import {
  BOOLEAN,
  type Check,
  checkProperties,
  FUNCTION,
  listOf,
  numberTo,
  objectWith,
  oneOf,
  PATH,
  required,
  TEXT,
  wholeNumberTo,
} from './server/checks/property-checks.js';
import {
  defaultConfig,
  HIGHEST_MAX_LAYERS,
  type MountConfig,
  REDIRECT_MODES,
  TRANSPORTS,
} from './server/config/mount-config.js';
import { MountError } from './server/config/mount-error.js';
import { ServedMount } from './server/served-mount.js';

export { MountError } from './server/config/mount-error.js';

/** A path: a string, or the bytes of one that is not UTF-8. */
export type Path = string | Uint8Array;

/** What to mount. Relative paths start at the process's working directory. */
export interface MountOptions {
  /**
   * How deletions are stored in the layers: as the kernel's overlayfs does, or as aufs. Default: `overlay`.
   */
  dialect?: 'overlay' | 'aufs';
  /** What only the overlay dialect knows. */
  overlay?: OverlayOptions;
  /** What only the aufs dialect knows. */
  aufs?: AufsOptions;
  /** Read-only layers, top first. At least one; none are needed with `upper` in the aufs dialect. */
  lowers: readonly Path[];
  /** Read-only layers that give data to files of the layers above them, and no names. */
  dataLayers?: readonly Path[];
  /** The layer that takes all changes. Without it the mount is read-only. */
  upper?: Path;
  /**
   * An empty directory on the same mount as `upper`, and not inside it; needed with `upper`, except in the
   * aufs dialect, which has no use for it.
   */
  work?: Path;
  /** The directory to mount on. */
  mountpoint: Path;
  /** Allow no changes, even with an `upper`. Default: false. */
  readOnly?: boolean;
  /** Honour set-id bits and file capabilities. Default: as root. */
  suid?: boolean;
  /** Let device files work. Default: as root. */
  dev?: boolean;
  /** Let programs run. Default: true. */
  exec?: boolean;
  /** Let other users in. Default: as root. */
  allowOther?: boolean;
  /**
   * fsync does nothing: fast, but a crash of the machine can leave `upper` incomplete, so that it cannot be
   * mounted again with this `work`. Default: false.
   */
  volatile?: boolean;
  /** False: fsync does nothing, and nothing says so later. Default: true. */
  fsync?: boolean;
  /** `auto`: the kernel reads and writes the layers' files itself where it can. Default: `auto`. */
  passthrough?: 'auto' | 'off';
  /**
   * `direct`: the kernel's FUSE protocol, served by a thread. `fuse-native`: libfuse 2, through that package,
   * which must be installed; served by a process of its own, with limits (docs/transports.md). Default:
   * `direct`.
   */
  transport?: 'direct' | 'fuse-native';
  /** `fuse-native`: seconds after which a request that makes no progress is given up. Default: 300. */
  requestTimeout?: number;
  /** Seconds for which the kernel may keep names and attributes. Default: for ever. */
  timeout?: number;
  /** How many lower layers are accepted, up to 500. Default: 128. */
  maxLayers?: number;
  /** Shown as the source in /proc/mounts. Default: `plyfs`. */
  fsname?: string;
  /** Takes lines about what went wrong inside; none in normal work. Default: they are dropped. */
  log?: (line: string) => void;
}

/** On-disk features of the kernel's overlayfs, by the names of its options. */
export interface OverlayOptions {
  /**
   * `on`: directories of lower layers can be renamed. `follow` or `off`: such a rename fails with EXDEV, one
   * that is stored in a layer is read. `nofollow`: not even that. Default: `off`.
   */
  redirectDir?: 'on' | 'follow' | 'nofollow' | 'off';
  /** chmod, chown and the like of a lower file copy no data; implies `redirectDir: 'on'`. Default: false. */
  metacopy?: boolean;
  /** Hard links of a lower file stay one file when it is copied up. Default: false. */
  index?: boolean;
  /**
   * False (`uuid=off`): copies do not say on which file system their origin is, if all layers are on one, so
   * that it can be given another UUID. Default: true.
   */
  uuid?: boolean;
  /**
   * Private attributes are kept in `user.`, for root too, who keeps them in `trusted.` otherwise. Default:
   * false.
   */
  userxattr?: boolean;
}

export interface AufsOptions {
  /**
   * Lower layers, by index, whose whiteouts hide nothing: branches that are `ro` without `+wh`. Default:
   * none.
   */
  ignoresWhiteouts?: readonly number[];
  /** Whiteouts are hard links to one file; false: the branch attribute `nolwh`. Default: true. */
  linkWhiteouts?: boolean;
  /** Make each new directory opaque: `diropq=always`. Default: false. */
  alwaysOpaque?: boolean;
  /** Hard links of a lower file stay one file when it is copied up; false: `noplink`. Default: true. */
  keepLinks?: boolean;
}

/**
 * A live mount. It keeps the process running, as a listening server does. When the process exits it is
 * detached; a process that a signal ends (SIGTERM, unless it handles it) leaves it behind, to be unmounted
 * with `plyfs umount`.
 */
export interface Mount {
  /** Absolute, without symlinks. */
  readonly mountpoint: string;
  /**
   * Unmounts, and resolves when all is closed. Rejects with {@link MountError} EBUSY while somebody uses the
   * mount; `lazy` detaches it even so, and who uses it gets ENOTCONN.
   */
  unmount(options?: { lazy?: boolean }): Promise<void>;
  /** Resolves when the mount is gone, whoever unmounted it; rejects if its thread failed. */
  readonly closed: Promise<void>;
}

/**
 * Mounts layers as one tree, served by a worker thread of this process (or by one of its own, see
 * `transport`). Resolves when the mount answers.
 * @throws {MountError} if it is refused; then nothing is mounted and nothing was created
 */
export async function mount(options: MountOptions): Promise<Mount> {
  const served = await ServedMount.start(checkConfig(configOf(options)), options.log ?? (() => {}));
  return {
    mountpoint: Buffer.from(served.config.mountpoint, 'latin1').toString(),
    unmount: async (how = {}) => {
      checkProperties('unmount', how, UNMOUNT_PROPERTIES);
      await served.unmount({ lazy: how.lazy ?? false });
    },
    closed: served.closed,
  };
}

const PATHS = listOf(PATH, 'paths');
const OVERLAY_PROPERTIES = {
  redirectDir: oneOf(REDIRECT_MODES),
  metacopy: BOOLEAN,
  index: BOOLEAN,
  uuid: BOOLEAN,
  userxattr: BOOLEAN,
} satisfies Record<keyof OverlayOptions, Check>;
const AUFS_PROPERTIES = {
  ignoresWhiteouts: listOf(wholeNumberTo(HIGHEST_MAX_LAYERS), 'indexes of lower layers'),
  linkWhiteouts: BOOLEAN,
  alwaysOpaque: BOOLEAN,
  keepLinks: BOOLEAN,
} satisfies Record<keyof AufsOptions, Check>;
const MOUNT_PROPERTIES = {
  dialect: oneOf(['overlay', 'aufs']),
  overlay: objectWith(OVERLAY_PROPERTIES),
  aufs: objectWith(AUFS_PROPERTIES),
  lowers: required(PATHS),
  dataLayers: PATHS,
  upper: PATH,
  work: PATH,
  mountpoint: required(PATH),
  readOnly: BOOLEAN,
  suid: BOOLEAN,
  dev: BOOLEAN,
  exec: BOOLEAN,
  allowOther: BOOLEAN,
  volatile: BOOLEAN,
  fsync: BOOLEAN,
  passthrough: oneOf(['auto', 'off']),
  transport: oneOf(TRANSPORTS),
  requestTimeout: numberTo(1e6),
  timeout: numberTo(1e9),
  maxLayers: wholeNumberTo(HIGHEST_MAX_LAYERS),
  fsname: TEXT,
  log: FUNCTION,
} satisfies Record<keyof MountOptions, Check>;
const UNMOUNT_PROPERTIES = { lazy: BOOLEAN };

function configOf(options: MountOptions): MountConfig {
  checkProperties('mount', options, MOUNT_PROPERTIES);
  const root = process.geteuid?.() === 0;
  const { lowers, dataLayers = [], upper, work, mountpoint, log: _, fsname, aufs, overlay = {}, ...rest } = options;
  const { dialect = 'overlay', ...plain } = rest;
  if (lowers.length === 0 && (dialect === 'overlay' || upper === undefined)) {
    throw MountError.of({ what: 'mount: lowers', why: 'must have at least one path', errno: Errno.EINVAL });
  }
  const defaults = defaultConfig(root);
  const config: MountConfig = {
    ...defaults,
    ...given(plain),
    dialect,
    aufs: { ...defaults.aufs, ...given(aufs ?? {}) },
    overlay: given(overlay),
    lowers: [...lowers, ...dataLayers].map(bytes),
    dataLayers: dataLayers.length,
    mountpoint: bytes(mountpoint),
  };
  if (upper !== undefined) config.upper = bytes(upper);
  if (work !== undefined) config.work = bytes(work);
  if (fsname !== undefined) config.fsname = toBytesName(fsname);
  return config;
}

/** The members that are not undefined, which would otherwise cover a default. */
function given<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
}

function bytes(path: Path): string {
  return typeof path === 'string' ? toBytesName(path) : Buffer.from(path).toString('latin1');
}
