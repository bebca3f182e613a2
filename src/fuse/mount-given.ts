/** Serving what somebody else has mounted. */
import { closeOnExec, setNonBlocking } from '../sys/fd-passing.js';

/** Prepares `fd`, an fd of /dev/fuse that is mounted already, for a session, which is to own it from here on. */
export function takeMounted(fd: number): number {
  closeOnExec(fd);
  setNonBlocking(fd);
  return fd;
}
