/** Uses a lease (man fcntl(2), F_SETLEASE) to find out whether a file is open for writing. */
import { bind, check } from '../libc.js';

const fcntl = bind<(fd: number, command: number, argument: number) => number>('int fcntl(int, int, intptr_t)');

const F_SETSIG = 10;
const F_SETLEASE = 1024;
const F_RDLCK = 0;
const F_UNLCK = 2;
/** A signal that is ignored by default (man signal(7)). */
const SIGURG = 23;

/**
 * Whether neither a process nor the kernel has the file open for writing, or mapped through such an open
 * file. The kernel grants a read lease only in that case (fs/locks.c:check_conflicting_open). Also returns
 * false if it is unknown, because the file system has no leases or the server lacks CAP_LEASE.
 * @param fd open for reading only
 */
export function hasNoWriters(fd: number): boolean {
  // If another process opens the file for writing while the lease exists, the kernel sends a signal. The
  // default one, SIGIO, would end this process.
  check(fcntl(fd, F_SETSIG, SIGURG), 'fcntl');
  if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0) return false;
  check(fcntl(fd, F_SETLEASE, F_UNLCK), 'fcntl');
  return true;
}
