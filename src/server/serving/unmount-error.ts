import { Errno } from '../../core/errno.js';
import { asMountError, errnoOf, MountError } from '../config/mount-error.js';

/** The reason why `mountpoint` (bytes) could not be unmounted. */
export function unmountError(error: unknown, mountpoint: string): MountError {
  if (errnoOf(error) !== Errno.EBUSY) return asMountError(error, 'unmount');
  return MountError.of({
    what: 'unmount',
    where: mountpoint,
    why: 'in use',
    errno: Errno.EBUSY,
    advice: 'end the processes that use it, or unmount it lazily',
  });
}
