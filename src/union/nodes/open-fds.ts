/** The fds of an open file: one for both directions, or one for each. */
import { close } from '../../sys/files/open.js';
import type { OpenFile } from './node.js';

/** Closes all fds of an open file. */
export function closeFds({ fd, readFd }: OpenFile): void {
  close(fd);
  closeReadFd({ fd, readFd });
}

/** Closes the separate fd for reading, if there is one. */
export function closeReadFd({ fd, readFd }: Pick<OpenFile, 'fd' | 'readFd'>): void {
  if (readFd >= 0 && readFd !== fd) close(readFd);
}

/** Replaces all fds by one. @param fd open for reading and writing; `open` owns it from now on */
export function replaceFds(open: OpenFile, fd: number): void {
  closeFds(open);
  open.fd = fd;
  open.readFd = fd;
  open.writable = true;
}

/**
 * Replaces the fd for writing; readers keep theirs.
 * @param fd open for writing only; `open` owns it from now on
 */
export function replaceWriteFd(open: OpenFile, fd: number): void {
  if (open.fd !== open.readFd) close(open.fd);
  open.fd = fd;
  open.writable = true;
}
