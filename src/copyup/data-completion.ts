/**
 * Copies the data of a metacopy of the upper into it. The data is written into the existing file, because the
 * file can have several names (fs/overlayfs/copy_up.c:ovl_copy_up_meta_inode_data). It stays a metacopy, even
 * with all its data, until the last step removes the mark. (If the server is killed before that, the file can
 * have a later mtime and lack its capabilities, as after the write that needed the data.)
 */
import { FsError } from '../core/errno.js';
import { FileStat } from '../core/file-stat.js';
import { FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE } from '../core/flags.js';
import { CAPABILITY } from '../core/xattr-names.js';
import { allocateRange, sync, truncate } from '../sys/files/file-io.js';
import { chmodFd } from '../sys/files/inode-ops.js';
import { copyTimes } from '../sys/files/object-ref.js';
import { close } from '../sys/files/open.js';
import { statFd } from '../sys/files/stat.js';
import { findXattr, setXattr } from '../sys/files/xattr.js';
import type { CopyUpContext, Filling } from './context.js';
import { cloneData, copyData } from './fill-data.js';

const scratch = new FileStat();

export class DataCompletion implements Filling {
  /** The attributes before the copy, which changes times, mode and capabilities. */
  private readonly stat = new FileStat();
  private readonly capability: Buffer | null;
  readonly length: number;
  readonly needsData: boolean;
  readonly isInPlace = true;
  /** All data is copied. */
  private isComplete = false;

  /**
   * Owns both fds from now on, even if it throws.
   * @param sourceFd the file with the data
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

  /** Always true, because it is not known whether the data has holes. */
  get sparse(): boolean {
    return true;
  }

  /** Copies the content on the calling thread. */
  fill(): void {
    if (this.needsData) copyData(this.sourceFd, this.fd, this.length, this.sparse);
  }

  /**
   * Makes the file complete after its data is copied. Restores its mode, capabilities and times, because no
   * application has written yet. Returns its fd, which the caller owns now.
   * @param synced the data is on the disk already
   */
  seal(synced: boolean): number {
    if (this.length > 0) {
      this.restoreRights();
      this.restoreTimes();
      if (this.context.sync && !synced) sync(this.fd);
    }
    // If the mark cannot be removed, the copied data does no harm. If it was removed despite the error, the
    // data is needed.
    this.isComplete = true;
    return this.unmark();
  }

  /**
   * In place of {@link fill} and {@link seal}: makes the file complete and empty. Truncates it before it
   * removes the mark: an empty metacopy reads as empty, except through the kernel's overlayfs without a stat
   * before.
   */
  sealEmpty(): number {
    truncate(this.fd, 0);
    return this.unmark();
  }

  /** Cancels the copy: the file is a metacopy as before, and its blocks are free. */
  abandon(): void {
    if (this.length > 0 && !this.isComplete) this.undo();
    this.close();
  }

  private close(): void {
    close(this.sourceFd);
    close(this.fd);
  }

  /**
   * A failure does no harm: no reader uses the partly copied data, and the next attempt starts again. If
   * there is no space for the capabilities, they are lost, as in the kernel, and as after any write.
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
    // The data can be longer than the size of the metacopy, which readers see.
    truncate(this.fd, this.length);
    return true;
  }
}
