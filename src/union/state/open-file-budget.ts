import { Errno, fsError } from '../../core/errno.js';
import type { DirectoryFds } from '../layers/directory-fds.js';

/** How many file nodes are open, each with an fd, and how many can be. */
export class OpenFileBudget {
  private count = 0;

  /**
   * @param max the server needs the remaining fds of the process to answer any request
   * @param fds closes fds of directories when open files need them
   */
  constructor(
    private readonly max: number,
    private readonly fds: DirectoryFds,
  ) {}

  /**
   * Called before anything is created, copied up or opened.
   * @throws FsError ENFILE if no more files can be open
   */
  check(): void {
    if (this.count >= this.max) throw fsError(Errno.ENFILE, 'open');
  }

  /** Called when a node gets its first open. */
  opened(): void {
    this.fds.leaveRoomForFiles(++this.count);
  }

  /** Called when a node loses its last open. */
  closed(): void {
    this.fds.leaveRoomForFiles(--this.count);
  }
}
