/** Serves a mount that another program has made. */
import { closeOnExec, setNonBlocking } from '../../sys/process/fd-passing.js';

/**
 * Prepares `fd`, /dev/fuse that another program has mounted, for a session. The session owns it from then on.
 */
export function prepareMountedDevice(fd: number): number {
  closeOnExec(fd);
  setNonBlocking(fd);
  return fd;
}
