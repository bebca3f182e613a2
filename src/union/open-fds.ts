/** The fds of an open file: one, or one for each direction. */
import { close } from '../sys/open.js';
import type { OpenFile } from './node.js';

export function closeFds({ fd, readFd }: OpenFile): void {
  close(fd);
  closeReadFd({ fd, readFd });
}

/** Closes what is open for reading only beside `fd`. */
export function closeReadFd({ fd, readFd }: Pick<OpenFile, 'fd' | 'readFd'>): void {
  if (readFd >= 0 && readFd !== fd) close(readFd);
}

/** @param fd open for reading and writing; taken */
export function replaceFds(open: OpenFile, fd: number): void {
  closeFds(open);
  open.fd = fd;
  open.readFd = fd;
  open.writable = true;
}

/** Readers keep the fd that they have. @param fd open for writing only; taken */
export function replaceWriteFd(open: OpenFile, fd: number): void {
  if (open.fd !== open.readFd) close(open.fd);
  open.fd = fd;
  open.writable = true;
}
