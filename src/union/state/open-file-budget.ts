import { Errno, fsError } from '../../core/errno.js';
import type { DirectoryFds } from '../layers/directory-fds.js';
import type { FdPool } from '../layers/fd-pool.js';

/** The open file nodes of a union, each of which has an fd. */
export interface OpenFileBudget {
  /**
   * Called before anything is created, copied up or opened.
   * @throws FsError ENFILE if no more files can be open
   */
  check(): void;
  /** Called when a node gets its first open. */
  opened(): void;
  /** Called when a node loses its last open. */
  closed(): void;
  /** Called when the number of unions has changed that share the fds of the process. */
  adjust(): void;
  /** Called once, when the union ends. */
  close(): void;
}

/** The budget of the only union of a process. */
export class OwnBudget implements OpenFileBudget {
  private count = 0;

  /**
   * @param max the server needs the remaining fds of the process to answer any request
   * @param fds closes fds of directories when open files need them
   */
  constructor(
    private readonly max: number,
    private readonly fds: DirectoryFds,
  ) {}

  check(): void {
    if (this.count >= this.max) throw fsError(Errno.ENFILE, 'open');
  }

  opened(): void {
    this.fds.leaveRoomForFiles(++this.count);
  }

  closed(): void {
    this.fds.leaveRoomForFiles(--this.count);
  }

  adjust(): void {}

  close(): void {}
}

/** The budget of a union that shares the fds of the process with others. */
export class SharedBudget implements OpenFileBudget {
  private count = 0;

  /** @param fixed how many fds the union needs besides files and cached directories */
  constructor(
    private readonly pool: FdPool,
    private readonly fds: DirectoryFds,
    private readonly fixed: number,
  ) {
    pool.join(fixed);
    this.adjust();
  }

  check(): void {
    if (!this.pool.canOpen(this.count)) throw fsError(Errno.ENFILE, 'open');
  }

  opened(): void {
    this.count++;
    this.pool.fileOpened();
  }

  closed(): void {
    this.count--;
    this.pool.fileClosed();
  }

  adjust(): void {
    this.fds.setMax(this.pool.directories);
  }

  close(): void {
    this.pool.leave(this.fixed, this.count);
  }
}
