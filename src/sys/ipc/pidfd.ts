/** Fds that refer to other processes, and fds of other processes (man pidfd_open(2), pidfd_getfd(2)). */
import { close } from '../files/open.js';
import { bind, lastErrno } from '../libc.js';

const syscall3 = bind<(n: number, a: number, b: number, c: number) => number>('long syscall(long, long, long, long)');
const SYS_PIDFD_OPEN = 434;
const SYS_PIDFD_GETFD = 438;

/**
 * Opens a process: the fd is readable when the process has ended, also as a zombie. A failure is the negative
 * errno.
 */
export function tryOpenProcess(pid: number): number {
  const pidfd = syscall3(SYS_PIDFD_OPEN, pid, 0, 0);
  return pidfd < 0 ? -lastErrno() : pidfd;
}

/**
 * A duplicate of the fd `fd` of another process. The caller of this function owns it. It needs the rights of
 * ptrace(2). A failure is the negative errno.
 */
export function tryDuplicateFrom(pid: number, fd: number): number {
  const pidfd = tryOpenProcess(pid);
  if (pidfd < 0) return pidfd;
  try {
    const duplicate = syscall3(SYS_PIDFD_GETFD, pidfd, fd, 0);
    return duplicate < 0 ? -lastErrno() : duplicate;
  } finally {
    close(pidfd);
  }
}
