/** Checks of the mountpoint and of /dev/fuse. */
import { closeSync, constants, openSync, realpathSync, statSync } from 'node:fs';
import { Errno } from '../../core/errno.js';
import { errnoOf, MountError } from '../config/mount-error.js';

/**
 * Directories of the kernel that the server reads while it starts: a mount that hides one would wait for
 * itself forever. /proc/PID of any process is among them, because the kernel removes it, with the mount, when
 * the process ends.
 */
const NEEDED_BY_SERVER = /^\/(proc(\/\d+(\/.*)?)?|sys(\/class(\/bdi)?|\/devices(\/virtual(\/bdi)?)?)?)$/s;

/**
 * Resolves a mountpoint (bytes) to an absolute path without symlinks. Throws {@link MountError} if plyfs
 * cannot mount there.
 */
export function resolveMountpoint(path: string): string {
  try {
    const real = realpathSync.native(Buffer.from(path, 'latin1'), 'latin1');
    if (!statSync(Buffer.from(real, 'latin1')).isDirectory()) {
      throw MountError.of({ what: 'mountpoint', where: path, errno: Errno.ENOTDIR });
    }
    if (NEEDED_BY_SERVER.test(real)) {
      const why = 'the server itself needs this directory';
      throw MountError.of({ what: 'mountpoint', where: path, why, errno: Errno.EBUSY, advice: 'mount it elsewhere' });
    }
    return real;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined || error instanceof MountError) throw error;
    const dead = errno === Errno.ENOTCONN;
    throw MountError.of({
      what: 'mountpoint',
      where: path,
      errno,
      ...(dead ? { why: 'a FUSE mount whose server has died', advice: 'unmount it first: plyfs umount' } : {}),
    });
  }
}

const DEVICE = '/dev/fuse';

/** Checks that this process can open the kernel's FUSE device. fusermount3 opens it with the same rights. */
export function checkDevice(): void {
  try {
    closeSync(openSync(DEVICE, constants.O_RDWR));
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    const missing = errno === Errno.ENOENT || errno === Errno.ENODEV || errno === Errno.ENXIO;
    const advice = missing
      ? 'load the fuse module (modprobe fuse), or pass the device into the container'
      : `this user needs read and write access to ${DEVICE}`;
    throw MountError.of({ what: 'mount', where: DEVICE, errno, advice });
  }
}
