/** Leases (man fcntl(2), F_SETLEASE), as far as they tell whether a file is open for writing. */
import { bind, check } from './libc.js';

const fcntl = bind<(fd: number, command: number, argument: number) => number>('int fcntl(int, int, intptr_t)');

const F_SETSIG = 10;
const F_SETLEASE = 1024;
const F_RDLCK = 0;
const F_UNLCK = 2;
/** A signal that is ignored where nobody asks for it (man signal(7)). */
const SIGURG = 23;

/**
 * Whether nobody, the kernel included, has the file open for writing, or mapped by such an open file. A read lease can be had only then
 * (fs/locks.c:check_conflicting_open). False also where it cannot be told: the file system has no leases, or CAP_LEASE is missing.
 * @param fd open for reading only
 */
export function hasNoWriters(fd: number): boolean {
  // Somebody outside can open the file for writing while there is a lease, and the signal that tells of it, SIGIO, ends a process.
  check(fcntl(fd, F_SETSIG, SIGURG), 'fcntl');
  if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0) return false;
  check(fcntl(fd, F_SETLEASE, F_UNLCK), 'fcntl');
  return true;
}
