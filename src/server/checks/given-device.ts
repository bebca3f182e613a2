/**
 * A mount that the caller has made already. The mountpoint `/dev/fd/N` names its descriptor of /dev/fuse. The
 * server only serves it, as libfuse 3 does (lib/helper.c:fuse_mnt_parse_fuse_fd). mount.fuse3 -o
 * drop_privileges and Apptainer's --fusemount pass such a descriptor.
 */
import { fstatSync, readlinkSync, readSync, type Stats } from 'node:fs';
import { resolve } from 'node:path';
import { displayName } from '../../core/entry-name.js';
import { Errno } from '../../core/errno.js';
import { S_IFCHR, S_IFMT } from '../../core/file-mode.js';
import { type MountEntry, readMountinfo } from '../../sys/mountinfo.js';
import { procField, readOwnProc } from '../../sys/proc.js';
import type { MountConfig } from '../config/mount-config.js';
import { errnoOf, MountError } from '../config/mount-error.js';

/** makedev(10, 229): Documentation/admin-guide/devices.txt. */
const FUSE_DEVICE = (10 << 8) | 229;

/** The highest fd number. Node throws for a larger one. */
const HIGHEST_FD = 2 ** 31 - 1;

/**
 * The fd that `mountpoint` names, if it is a descriptor of /dev/fuse. Undefined: `mountpoint` is an ordinary
 * path, or names a directory that the caller has open. Throws {@link MountError} if the fd is not open, is of
 * another file, or is not mounted.
 */
function givenDevice(mountpoint: string): number | undefined {
  const [, digits] = /^\/dev\/fd\/(\d+)$/.exec(mountpoint) ?? [];
  if (digits === undefined) return undefined;
  const refuse = (why: string, errno: number, advice?: string): MountError =>
    MountError.of({ what: 'mountpoint', where: mountpoint, why, errno, ...(advice === undefined ? {} : { advice }) });
  const fd = Number(digits);
  const stats = statsOf(fd);
  if (stats === undefined) throw refuse('not an open file', Errno.EBADF);
  if (stats.isDirectory()) return undefined;
  if ((stats.mode & S_IFMT) !== S_IFCHR || stats.rdev !== FUSE_DEVICE) {
    throw refuse('not an open file of /dev/fuse', Errno.EINVAL);
  }
  if (!isMounted(fd)) throw refuse('not mounted yet', Errno.EPERM, 'mount it first');
  return fd;
}

/** The stats of `fd`. Undefined: no file is open there. */
function statsOf(fd: number): Stats | undefined {
  if (fd > HIGHEST_FD) return undefined;
  try {
    return fstatSync(fd);
  } catch (error) {
    if (errnoOf(error) !== Errno.EBADF) throw error;
    return undefined;
  }
}

/**
 * Whether the descriptor of /dev/fuse is mounted. A read into a buffer that is too small for any request does
 * not wait. It fails with EPERM if the fd is not mounted (fs/fuse/dev.c:fuse_dev_read), with ENODEV if it has
 * been unmounted, and otherwise with EINVAL (fuse_dev_do_read).
 */
function isMounted(fd: number): boolean {
  try {
    readSync(fd, Buffer.alloc(1));
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === Errno.EPERM) return false;
    if (errno !== Errno.EINVAL && errno !== Errno.ENODEV) throw error;
  }
  return true;
}

/**
 * The mounts of the device in this mount namespace. None before Linux 6.6, where the kernel does not show the
 * connection's number.
 */
function mountsOf(fd: number): MountEntry[] {
  const connection = procField(readOwnProc(`fdinfo/${fd}`), 'fuse_connection');
  return connection === undefined ? [] : readMountinfo().filter(({ device }) => device === `0:${connection}`);
}

/**
 * The config for a mount that the caller has made already. Undefined: plyfs must make the mount. Opens no
 * layer.
 * @throws {@link MountError} if the config cannot be applied to the existing mount
 */
export function onGivenDevice(config: MountConfig): MountConfig | undefined {
  const where = config.mountpoint;
  const deviceFd = givenDevice(where);
  if (deviceFd === undefined) return undefined;
  const refuse = (why: string, errno: number, advice: string): MountError =>
    MountError.of({ what: 'mountpoint', where, why, errno, advice });
  if (config.transport === 'fuse-native') {
    throw refuse('mounted already, which libfuse 2 cannot serve', Errno.EINVAL, 'use transport=direct');
  }
  const mounts = mountsOf(deviceFd);
  const checksPermissions = mounts.some((mount) => mount.fileSystemOptions.includes('default_permissions'));
  // With ACLs the kernel always checks permissions (fs/fuse/inode.c:process_init_reply).
  if (!checksPermissions && (config.ownership?.xattrs ?? 'all') !== 'all') {
    throw refuse(
      'mounted without default_permissions',
      Errno.EINVAL,
      'mount it with that option, or omit noacl and noxattrs',
    );
  }
  const inside = layersOf(config).find((layer) => mounts.some(({ mountpoint }) => isWithin(layer, mountpoint)));
  // The server would open this layer through its own mount, and would wait for itself.
  if (inside !== undefined) {
    const advice = 'give its path from elsewhere, such as a bind mount';
    throw refuse(`hides the layer ${displayName(inside)}`, Errno.ELOOP, advice);
  }
  return { ...config, deviceFd, mountpoint: mounts.at(-1)?.mountpoint ?? where };
}

/** The paths of all layers. */
function layersOf({ lowers, upper, work }: MountConfig): string[] {
  return [...lowers, ...[upper, work].filter((path) => path !== undefined)];
}

/** Whether `path` is `directory`, or below it. */
function isWithin(path: string, directory: string): boolean {
  // Not the working directory of the process: a thread can have one of its own.
  const whole = path.startsWith('/') ? resolve(path) : resolve(readlinkSync('/proc/thread-self/cwd', 'latin1'), path);
  return whole === directory || whole.startsWith(`${directory}/`);
}
