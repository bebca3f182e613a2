/** Serves a mount that another program has made. */
import { closeOnExec, setNonBlocking } from '../../sys/process/fd-passing.js';

/**
 * Prepares `fd`, a descriptor of /dev/fuse that is mounted already, for a session. The session is to own it
 * from here on.
 */
export function takeMounted(fd: number): number {
  closeOnExec(fd);
  setNonBlocking(fd);
  return fd;
}
