import { close } from '../../sys/files/open.js';

/**
 * How an open node does its I/O. For one inode the kernel allows only one mode at a time, and in passthrough
 * only one backing file (fs/fuse/iomode.c). So the mode belongs to the node, not to an open: the first open
 * chooses it, and it remains until the last one is released.
 */
export interface OpenFile {
  /**
   * The file that has the data. When the node, or the data of a metacopy, is copied up, the copy replaces it,
   * so that every reader sees every write.
   */
  fd: number;
  /**
   * An fd for reading the same file. It is `fd`, unless the server could open the file only for writing when
   * `fd` was opened. -1: `fd` is write-only, and no application has opened the file for reading.
   */
  readFd: number;
  /** `fd` is open for writing. */
  writable: boolean;
  /** The registered backing file (passthrough); 0: the kernel sends READ and WRITE to the server (cached). */
  backingId: number;
  opens: number;
  /** Of these, opens that can write. */
  writers: number;
  /** `fd` has O_APPEND, because the file is append-only: all data is written at the end of the file. */
  appends: boolean;
}

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
