/**
 * plyfs as a library.
 *
 * ```js
 * import { mount } from 'plyfs';
 *
 * const layers = { lowers: ['/srv/base'], upper: '/srv/upper', work: '/srv/work' };
 * const tree = await mount({ ...layers, mountpoint: '/mnt' });
 * // ... use /mnt, also with synchronous calls: a thread of its own serves it ...
 * await tree.unmount();
 * ```
 */
import { callerLog } from './server/caller-log.js';
import { checkConfig } from './server/checks/check-config.js';
import { chooseServer } from './server/choose-server.js';
import type { MountConfig } from './server/config/mount-config.js';
import type { ServiceUse } from './server/options/kinds/option-entry.js';
import { BOOLEAN, checkProperties, type Path } from './server/options/kinds/property-checks.js';
import { valuesOf } from './server/options/library-options.js';
import { resolveMount } from './server/options/resolve-mount.js';
import { ServedMount } from './server/served-mount.js';
import type { Server } from './server/serving/server.js';
import { ServiceServer } from './service/client/service-server.js';

export { MountError } from './server/config/mount-error.js';
export type { Path } from './server/options/kinds/property-checks.js';

/**
 * Layers, mountpoint and options of a mount. Relative paths start at the process's working directory.
 * `plyfs mount --help` describes the options of the same names more fully.
 */
export interface MountOptions {
  /**
   * How deletions are stored in the layers: as the kernel's overlayfs does, or as aufs does. Default:
   * `overlay`.
   */
  dialect?: 'overlay' | 'aufs';
  /** Options of the overlay dialect. */
  overlay?: OverlayOptions;
  /** Options of the aufs dialect. */
  aufs?: AufsOptions;
  /** Read-only layers, top first. At least one; none are needed with `upper` in the aufs dialect. */
  lowers: readonly Path[];
  /** Read-only layers that give data to files of the layers above them, and no names. */
  dataLayers?: readonly Path[];
  /** The layer that takes all changes. Without it the mount is read-only. */
  upper?: Path;
  /**
   * An empty directory on the same mount as `upper`, and not inside it. It is needed with `upper`, except in
   * the aufs dialect, which does not use it.
   */
  work?: Path;
  /** The directory to mount on. */
  mountpoint: Path;
  /** Allow no changes, even with an `upper`. Default: false. */
  readOnly?: boolean;
  /** Honour set-id bits and file capabilities. Default: true for root. */
  suid?: boolean;
  /** Let device files work. Default: true for root. */
  dev?: boolean;
  /** Let programs run. Default: true. */
  exec?: boolean;
  /**
   * When reading updates an access time in the upper. `relatime`: if it is older than the last change or than
   * a day. Default: `relatime`.
   */
  accessTimes?: 'relatime' | 'strictatime' | 'noatime';
  /** Whether listing a directory updates its access time. Default: true. */
  directoryAccessTimes?: boolean;
  /** Let other users access the mount. Default: true for root. */
  allowOther?: boolean;
  /**
   * fsync does nothing: fast, but a crash of the machine can leave `upper` incomplete. So `work` gets a mark,
   * and as long as it is there, no mount uses it again. Default: false.
   */
  volatile?: boolean;
  /** False: fsync does nothing, and leaves no mark of that. Default: true. */
  fsync?: boolean;
  /**
   * Files of the users `disk`, `disk + 1`, ... on the layers appear as owned by `shown`, `shown + 1`, ...;
   * new files are mapped back. Default: owners are shown as they are.
   */
  uidMapping?: readonly IdRange[];
  /** The same for groups. */
  gidMapping?: readonly IdRange[];
  /** Show all files as owned by root:root. Default: false. */
  squashToRoot?: boolean;
  /** Show all files as owned by this user. */
  squashToUid?: number;
  /** Show all files as owned by this group. */
  squashToGid?: number;
  /** Report a link count of 1 for every directory; merged ones always have it. Default: false. */
  staticNlink?: boolean;
  /** False: POSIX ACLs are neither shown nor checked. Default: true. */
  acls?: boolean;
  /** False: there are no extended attributes, and no POSIX ACLs. Default: true. */
  xattrs?: boolean;
  /**
   * The upper keeps owners, modes and devices in xattrs, and its files belong to the user who mounts.
   * `privileged`: in `security.` xattrs; `user`: in `user.` xattrs; `auto`: as earlier mounts of the upper
   * did. Default: `auto`.
   */
  xattrPermissions?: 'auto' | 'privileged' | 'user';
  /** `auto`: the kernel reads and writes the layers' files itself where it can. Default: `auto`. */
  passthrough?: 'auto' | 'off';
  /**
   * `direct`: the kernel's FUSE protocol, served by a thread. `fuse-native`: libfuse 2, through that package,
   * which must be installed; served by a process of its own, with limits (docs/transports.md). Default:
   * `direct`.
   */
  transport?: 'direct' | 'fuse-native';
  /**
   * `fuse-native`: seconds after which a request that makes no progress is abandoned, from 0.1 to 1000000.
   * Default: 300.
   */
  requestTimeout?: number;
  /** Seconds for which the kernel may keep names and attributes, up to 1000000000. Default: forever. */
  timeout?: number;
  /** How many lower layers are accepted, up to 500. Default: 128. */
  maxLayers?: number;
  /** The source shown in /proc/mounts, not empty. Default: `plyfs`. */
  fsname?: string;
  /** The type shown in /proc/mounts is `fuse.` and this. Default: `plyfs`. */
  subtype?: string;
  /**
   * Whether the service of this user (`plyfs serve`) serves the mount, instead of a thread of this process.
   * `auto`: if it runs and can; `off`: never; `required`: the mount is refused otherwise; `start`: the
   * service is started if it does not run. Default: `auto`.
   */
  service?: 'auto' | 'off' | 'required' | 'start';
  /** Send a line about each request to `log`. Default: false. */
  debug?: boolean;
  /**
   * Receives lines about internal errors; there are none in normal work. If it throws, the mount stays, and
   * the process gets one warning (`process.emitWarning`). Default: they are dropped.
   */
  log?: (line: string) => void;
}

/** `count` ids on the disk, beginning with `disk`, are shown as those that begin with `shown`. */
export interface IdRange {
  readonly disk: number;
  readonly shown: number;
  readonly count: number;
}

/** On-disk features of the kernel's overlayfs, by the names of its options. */
export interface OverlayOptions {
  /**
   * `on`: directories of lower layers can be renamed. `follow` or `off`: such a rename fails with EXDEV, and
   * redirects that a layer has are followed. `nofollow`: they are not even followed. Default: `off`.
   */
  redirectDir?: 'on' | 'follow' | 'nofollow' | 'off';
  /** chmod, chown and the like of a lower file copy no data; implies `redirectDir: 'on'`. Default: false. */
  metacopy?: boolean;
  /** Hard links of a lower file stay one file when it is copied up. Default: false. */
  index?: boolean;
  /**
   * False (`uuid=off`): copies do not record the file system of their origin if all layers are on one, so
   * that this file system can get another UUID. Default: true.
   */
  uuid?: boolean;
  /**
   * Keep private attributes in `user.`, also for root; root has them in `trusted.` otherwise. Default: false.
   */
  userxattr?: boolean;
}

/** Options of the aufs dialect. */
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
 * An existing mount. It keeps the process running, as a listening server does. When the process exits, the
 * mount is detached. If a signal kills the process (SIGTERM, unless the process handles it), a mount that the
 * service serves is detached too. A mount that the process serves itself stays, and can be unmounted with
 * `plyfs umount`.
 */
export interface Mount {
  /** Absolute, without symlinks. */
  readonly mountpoint: string;
  /**
   * Unmounts, and resolves when all is closed. Rejects with {@link MountError} EBUSY while the mount is in
   * use. With `lazy` it is detached all the same, and its users get ENOTCONN.
   */
  unmount(options?: { lazy?: boolean }): Promise<void>;
  /**
   * Resolves when the mount no longer exists, whether this process or another one has unmounted it. Rejects
   * if its server failed.
   */
  readonly closed: Promise<void>;
}

const UNMOUNT_CHECKS = { lazy: BOOLEAN };

/**
 * Mounts layers as one tree, served by a worker thread of this process, by the service (see `service`) or by
 * a process (see `transport`).
 * Resolves when the mount answers.
 * @throws {MountError} if it is refused; then nothing is mounted and nothing was created
 */
export async function mount(options: MountOptions): Promise<Mount> {
  const values = valuesOf(options);
  const log = options.log === undefined ? () => {} : callerLog(options.log);
  const config = checkConfig(resolveMount(values, log));
  const served = await ServedMount.start(config, log, serverFor(config, values.service));
  return {
    mountpoint: Buffer.from(served.config.mountpoint, 'latin1').toString(),
    unmount: async (how = {}) => {
      checkProperties('unmount', how, UNMOUNT_CHECKS);
      await served.unmount({ lazy: how.lazy ?? false });
    },
    closed: served.closed,
  };
}

/** The server of the mount: a thread of the service, of this process, or a process. */
function serverFor(config: MountConfig, use: ServiceUse = 'auto'): Server {
  const makeOwn = (): Server => chooseServer(config);
  return use === 'off' || config.transport !== 'direct' || config.debug ? makeOwn() : new ServiceServer(use, makeOwn);
}
