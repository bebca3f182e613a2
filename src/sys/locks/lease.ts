/** Uses a lease (man fcntl(2), F_SETLEASE) to find out whether a file is open for writing. */
import { bind, check } from '../libc.js';

const fcntl = bind<(fd: number, command: number, argument: number) => number>('int fcntl(int, int, intptr_t)');

const F_SETSIG = 10;
const F_SETLEASE = 1024;
const F_RDLCK = 0;
const F_UNLCK = 2;
/** A signal whose default action is to be ignored (man signal(7)). */
const SIGURG = 23;

/**
 * Whether no process, nor the kernel, has the file open for writing or mapped through such an open file. Only
 * then does the kernel grant a read lease (fs/locks.c:check_conflicting_open). False also if that is unknown:
 * the file system has no leases, or the server lacks CAP_LEASE.
 * @param fd open for reading only
 */
export function hasNoWriters(fd: number): boolean {
  // If another process opens the file for writing while we hold the lease, the kernel signals us; its
  // default, SIGIO, would end us.
  check(fcntl(fd, F_SETSIG, SIGURG), 'fcntl');
  if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0) return false;
  check(fcntl(fd, F_SETLEASE, F_UNLCK), 'fcntl');
  return true;
}
