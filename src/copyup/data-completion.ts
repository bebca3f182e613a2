/**
 * A metacopy of the upper on its way to be a whole file: the data comes into the file that is there, because
 * all its names lead to that (fs/overlayfs/copy_up.c:ovl_copy_up_meta_inode_data). It stays a metacopy,
 * however much data it has, until the mark is removed as the last step. (After a kill in between it can have
 * a later mtime and lack its capabilities, as after the write that the copy was made for.)
 */

import { FsError } from '../core/errno.js';
import { FileStat } from '../core/file-stat.js';
import { FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE } from '../core/flags.js';
import { CAPABILITY } from '../core/xattr-names.js';
import { allocateRange, sync, truncate } from '../sys/files/file-io.js';
import { chmodFd } from '../sys/files/inode-ops.js';
import { close } from '../sys/files/open.js';
import { statFd } from '../sys/files/stat.js';
import { findXattr, setXattr } from '../sys/files/xattr.js';
import type { CopyUpContext, Filling } from './context.js';
import { cloneData, copyData } from './fill-data.js';
import { copyTimes } from './fill-metadata.js';

const scratch = new FileStat();

export class DataCompletion implements Filling {
  /** As the file was; while the data comes, times and what grants rights change. */
  private readonly stat = new FileStat();
  private readonly capability: Buffer | null;
  readonly length: number;
  readonly needsData: boolean;
  /** All of the data is there. */
  private isComplete = false;

  /**
   * Takes both fds, also when it fails.
   * @param sourceFd the data
   * @param fd the metacopy, open for reading and writing
   */
  constructor(
    readonly sourceFd: number,
    readonly fd: number,
    private readonly context: CopyUpContext,
  ) {
    try {
      statFd(fd, this.stat);
      this.length = this.stat.size;
      this.capability = this.length > 0 ? findXattr(fd, '', CAPABILITY) : null;
      this.needsData = this.length > 0 && !this.cloned();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** The data may have holes, as far as we know. */
  get sparse(): boolean {
    return true;
  }

  /** Copies the content on the calling thread. */
  fill(): void {
    if (this.needsData) copyData(this.sourceFd, this.fd, this.length, this.sparse);
  }

  /**
   * Once the data is there: makes the file whole, with its rights and times as they were, for nothing has
   * been written yet that anybody knows of. Returns its fd, which is the caller's now.
   * @param synced the data is on the disk
   */
  seal(synced: boolean): number {
    if (this.length > 0) {
      this.restoreRights();
      this.restoreTimes();
      if (this.context.sync && !synced) sync(this.fd);
    }
    // Should the mark not go, what has come does no harm; and should it have gone all the same, it is needed.
    this.isComplete = true;
    return this.unmark();
  }

  /**
   * Instead of {@link fill} and {@link seal}: makes the file whole and empty. Empty first: a file that is
   * both empty and a metacopy shows as empty, but to who reads without asking for the size from the kernel's
   * overlayfs.
   */
  sealEmpty(): number {
    truncate(this.fd, 0);
    return this.unmark();
  }

  /** It is a metacopy as before, and takes no more room than before. */
  abandon(): void {
    if (this.length > 0 && !this.isComplete) this.undo();
    this.close();
  }

  private close(): void {
    close(this.sourceFd);
    close(this.fd);
  }

  /**
   * A failed undo does no harm: no reader uses the partly copied data, and the next attempt begins again.
   * Capabilities that find no room are gone, as in the kernel, and as they are after any write.
   */
  private undo(): void {
    const regrow = (): void => truncate(this.fd, this.length);
    for (const step of [() => this.freeBlocks(), regrow, () => this.restoreRights(), () => this.restoreTimes()]) {
      try {
        step();
      } catch (error) {
        if (!(error instanceof FsError)) throw error;
      }
    }
  }

  private freeBlocks(): void {
    allocateRange(this.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, this.length);
  }

  private restoreRights(): void {
    const { fd } = this;
    if (this.capability !== null) setXattr(fd, '', CAPABILITY, this.capability);
    statFd(fd, scratch);
    if (scratch.mode !== this.stat.mode) chmodFd(fd, this.stat.mode & 0o7777);
  }

  private restoreTimes(): void {
    copyTimes(this.stat, { dirfd: this.fd, name: '' });
  }

  private unmark(): number {
    this.context.dialect.metacopies?.unmark(this.fd);
    close(this.sourceFd);
    return this.fd;
  }

  private cloned(): boolean {
    if (!cloneData(this.sourceFd, this.fd)) return false;
    // Data that is longer than its file says is cut, as it is for readers.
    truncate(this.fd, this.length);
    return true;
  }
}
