/** Copies the content of a file by reflink, copy_file_range(2), or read and write. Holes stay holes. */
import { Errno, fsError } from '../core/errno.js';
import { SEEK_DATA, SEEK_HOLE } from '../core/flags.js';
import { pread, pwrite, seekOrEnd, truncate, tryCopyRange } from '../sys/files/file-io.js';
import { tryClone } from '../sys/ioctl.js';
import { allocate, type Memory } from '../sys/libc.js';

/** The most bytes of one piece that is read and written. */
const CHUNK = 1 << 20;
/** The most bytes of one copy_file_range call. */
const RANGE = 8 << 20;

/**
 * Errnos of FICLONE after which the data is copied: the file system has no reflinks (EOPNOTSUPP, ENOTTY,
 * EINVAL, ENOSYS), source and copy are on two file systems (EXDEV), or the blocks cannot be shared (ETXTBSY:
 * a swap file; EPERM: an immutable source).
 */
const NO_REFLINK = new Set<number>([
  Errno.EOPNOTSUPP,
  Errno.ENOTTY,
  Errno.EINVAL,
  Errno.EXDEV,
  Errno.ETXTBSY,
  Errno.EPERM,
  Errno.ENOSYS,
]);

/**
 * Errnos of copy_file_range after which the data is read and written: these file systems do not support it.
 */
const NO_COPY_RANGE = new Set<number>([
  Errno.EXDEV,
  Errno.EINVAL,
  Errno.EOPNOTSUPP,
  Errno.ENOSYS,
  Errno.ETXTBSY,
  Errno.EPERM,
]);

/** Shares all blocks of `from` with the empty `to`. Returns false if these two files cannot share blocks. */
export function cloneData(from: number, to: number): boolean {
  const result = tryClone(to, from);
  if (result === 0) return true;
  if (NO_REFLINK.has(-result)) return false;
  throw fsError(-result, 'FICLONE');
}

/** Data to copy: the first bytes of one file, to the beginning of another one. */
export interface DataToCopy {
  /** The file to read. */
  readonly from: number;
  /** The empty file to write. */
  readonly to: number;
  /** The number of bytes. */
  readonly length: number;
  /** Whether `from` can have holes; if not, the search for them is saved. */
  readonly sparse: boolean;
}

/** Copies data as {@link DataToCopy} describes it. */
export function copyData(from: number, to: number, length: number, sparse: boolean): void {
  const copy = new DataCopy({ from, to, length, sparse });
  while (!copy.isComplete) copy.copyPiece();
}

let chunk: Memory | null = null;

/** A copy in pieces. Between two of them it can be dropped. */
export class DataCopy {
  /** The copy is complete up to this offset. */
  position = 0;
  isComplete = false;
  /** The end of the data before the next hole. */
  private end = 0;
  private readsAndWrites = false;

  /**
   * @param isCancelled null: copy_file_range(2) is used where it works. Otherwise each piece is read first,
   * and it is not written if this returns true by then: reading can take long, if a layer hangs.
   */
  constructor(
    private readonly data: DataToCopy,
    private readonly isCancelled: (() => boolean) | null = null,
  ) {}

  copyPiece(): void {
    const { data, position } = this;
    if (position === this.end) this.findData();
    if (this.position < data.length) this.copySome();
    if (this.position < data.length) return;
    if (data.sparse) truncate(data.to, data.length);
    this.isComplete = true;
  }

  /** Goes to the next byte that is not in a hole. */
  private findData(): void {
    const { from, length, sparse } = this.data;
    this.readsAndWrites = this.isCancelled !== null;
    this.end = length;
    if (!sparse || this.position >= length) return;
    const start = seekOrEnd(from, this.position, SEEK_DATA);
    this.position = start < 0 ? length : Math.min(start, length);
    if (this.position === length) return;
    const hole = seekOrEnd(from, start, SEEK_HOLE);
    // The file has become shorter: another process changes the layer.
    if (hole < 0) throw fsError(Errno.EIO, 'copy-up');
    this.end = Math.min(hole, length);
  }

  private copySome(): void {
    if (!this.readsAndWrites) {
      const { from, to } = this.data;
      const { position } = this;
      const copied = tryCopyRange(from, position, to, position, Math.min(this.end - position, RANGE));
      if (copied < 0 && !NO_COPY_RANGE.has(-copied)) throw fsError(-copied, 'copy_file_range');
      if (copied > 0) {
        this.position += copied;
        return;
      }
      // Some file systems return 0 for files whose content they generate, such as procfs.
      this.readsAndWrites = true;
    }
    this.readAndWrite();
  }

  private readAndWrite(): void {
    const { from, to } = this.data;
    chunk ??= allocate(CHUNK);
    const { address } = chunk;
    const { position } = this;
    const got = pread(from, address, Math.min(CHUNK, this.end - position), position);
    // The file is shorter than its size was: another process changes the layer.
    if (got === 0) throw fsError(Errno.EIO, 'copy-up');
    if (this.isCancelled?.() === true) return;
    for (let put = 0; put < got; ) put += pwrite(to, address + put, got - put, position + put);
    this.position += got;
  }
}
