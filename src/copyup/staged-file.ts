/**
 * A regular file that is being copied up: source and copy are open, and the copy has no name in the upper
 * yet.
 */
import type { EntryName } from '../core/brand.js';
import { Errno, fsError, isErrno } from '../core/errno.js';
import { FileStat } from '../core/file-stat.js';
import { O_CREAT, O_EXCL, O_NOATIME, O_PATH, O_RDONLY, O_RDWR, O_TMPFILE, RENAME_NOREPLACE } from '../core/flags.js';
import { sync, truncate } from '../sys/files/file-io.js';
import { linkFd, renameAt } from '../sys/files/inode-ops.js';
import { close, openAt, openKnownAt, tryOpenAt } from '../sys/files/open.js';
import { statFd } from '../sys/files/stat.js';
import type { WorkDirectory } from '../whiteout/work/work-directory.js';
import type { CopyUpContext, CopyUpDestination, CopyUpSource, Filling } from './context.js';
import { copyInodeFlags } from './copy-inode-flags.js';
import { cloneData, copyData } from './fill-data.js';
import { fillMetadata } from './fill-metadata.js';

/** Errnos of O_TMPFILE on file systems that lack it (man open(2)). */
const NO_TMPFILE = new Set<number>([Errno.EOPNOTSUPP, Errno.EISDIR, Errno.ENOENT, Errno.EINVAL]);

/** Opens a file without a name in the work directory, or with a name if the file system has no O_TMPFILE. */
export function openUnnamed(work: WorkDirectory): { fd: number; name: EntryName | null } {
  const fd = tryOpenAt(work.fd, '.', O_TMPFILE | O_RDWR, 0o600);
  if (fd >= 0) return { fd, name: null };
  if (!NO_TMPFILE.has(-fd)) throw fsError(-fd, 'openat');
  const name = work.temporaryName();
  return { fd: openAt(work.fd, name, O_CREAT | O_EXCL | O_RDWR, 0o600), name };
}

const opened = new FileStat();

/**
 * Throws ESTALE if another file has taken the name since the stat. The other file would get the set-id bits.
 */
function assertSameFile(fd: number, { ino, devMajor, devMinor }: FileStat): void {
  statFd(fd, opened);
  if (opened.ino !== ino || opened.devMajor !== devMajor || opened.devMinor !== devMinor) {
    throw fsError(Errno.ESTALE, 'copy-up');
  }
}

/**
 * Opens the lower file.
 * @param needsData whether the data is read
 * @returns an fd; an O_PATH one if the server cannot read the file and does not need the data
 */
function openLower({ dirfd, name }: CopyUpSource, needsData: boolean): number {
  try {
    return openKnownAt(dirfd, name, O_RDONLY | O_NOATIME);
  } catch (error) {
    if (needsData || !isErrno(error, 'EACCES')) throw error;
    return openKnownAt(dirfd, name, O_PATH);
  }
}

/** The files of a {@link StagedFile}, and how much of the data is to be copied. */
interface Staging {
  /** The lower file. */
  readonly lowerFd: number;
  /** The file with its data: the lower file, or another one if that is a metacopy; -1: no data is copied. */
  readonly sourceFd: number;
  /** The copy, open for reading and writing. */
  readonly fd: number;
  /** The name of the copy in the work directory; null: it has none. */
  readonly name: EntryName | null;
  /** The number of bytes to copy: less than the size of the source before a truncation. */
  readonly length: number;
  /** Whether bytes remain to be copied: false after a reflink, and for an empty file. */
  readonly needsData: boolean;
}

/** The opened files, before it is decided how much is copied. */
type Opened = Pick<Staging, 'lowerFd' | 'fd' | 'name'>;

export class StagedFile implements Filling {
  readonly sourceFd: number;
  /**
   * Open for reading and writing. The result of {@link publish} or {@link keepUnnamed}; {@link abandon}
   * closes it.
   */
  readonly fd: number;
  readonly length: number;
  readonly needsData: boolean;
  readonly isInPlace = false;
  private readonly lowerFd: number;
  private readonly name: EntryName | null;
  private sourceClosed = false;

  private constructor(
    private readonly source: CopyUpSource,
    private readonly context: CopyUpContext,
    staging: Staging,
  ) {
    this.lowerFd = staging.lowerFd;
    this.sourceFd = staging.sourceFd;
    this.fd = staging.fd;
    this.name = staging.name;
    this.length = staging.length;
    this.needsData = staging.needsData;
  }

  /**
   * Opens a lower file and a copy of it, and shares the blocks of all data if the file system can.
   * @param length the number of bytes to copy, if the file has so many
   * @param dataFd the file with the data of a lower metacopy, which this function owns even if it throws; -1:
   * the lower file has its data
   */
  static open(source: CopyUpSource, context: CopyUpContext, length: number, dataFd = -1): StagedFile {
    const wanted = Math.min(length, source.stat.size);
    const openSource = (): number => openLower(source, dataFd < 0 && wanted > 0);
    return StagedFile.withFiles({ openSource, source, context, dataFd }, (files) => {
      const sourceFd = dataFd < 0 ? files.lowerFd : dataFd;
      const cloned = wanted > 0 && wanted === source.stat.size && cloneData(sourceFd, files.fd);
      // The data of a metacopy can be longer than the size of the metacopy.
      if (cloned && dataFd >= 0) truncate(files.fd, wanted);
      return { ...files, sourceFd, length: wanted, needsData: wanted > 0 && !cloned };
    });
  }

  /** Opens a copy without the data (a metacopy). The data stays in its layer. */
  static withoutData(source: CopyUpSource, context: CopyUpContext): StagedFile {
    const openSource = (): number => openLower(source, false);
    return StagedFile.withFiles({ openSource, source, context, dataFd: -1 }, (files) => {
      truncate(files.fd, source.stat.size);
      return { ...files, sourceFd: -1, length: 0, needsData: false };
    });
  }

  /** Opens the files, and closes them if `prepare` fails. */
  private static withFiles(
    options: {
      readonly openSource: () => number;
      readonly source: CopyUpSource;
      readonly context: CopyUpContext;
      readonly dataFd: number;
    },
    prepare: (files: Opened) => Staging,
  ): StagedFile {
    const { openSource, source, context, dataFd } = options;
    const fds = dataFd < 0 ? [] : [dataFd];
    try {
      const lowerFd = openSource();
      fds.push(lowerFd);
      assertSameFile(lowerFd, source.stat);
      const { fd, name } = openUnnamed(context.work);
      fds.push(fd);
      try {
        return new StagedFile(source, context, prepare({ lowerFd, fd, name }));
      } catch (error) {
        if (name !== null) context.work.discard(name);
        throw error;
      }
    } catch (error) {
      for (const fd of fds) close(fd);
      throw error;
    }
  }

  /**
   * Whether the source has fewer blocks than its size requires. Then it has holes, or is compressed, in which
   * case the search for holes is cheap.
   */
  get sparse(): boolean {
    const { stat } = this.source;
    return stat.blocks * 512 < stat.size;
  }

  /** Copies the content on the calling thread. */
  fill(): void {
    if (this.needsData) copyData(this.sourceFd, this.fd, this.length, this.sparse);
  }

  /**
   * Copies the metadata, then syncs the copy to the disk, so that it is complete before it gets a name.
   * @param synced the data is on the disk already
   */
  seal(synced: boolean): void {
    // By the fd, not by the name: if another process changes the layer now, the copy must not get the mode of
    // one file and the data of another.
    const source = { ...this.source, dirfd: this.lowerFd, name: '' as EntryName };
    // Before the mode, which can take the permission from an ordinary user.
    if (this.sourceFd < 0) this.context.dialect.metacopies?.mark(this.fd);
    fillMetadata(source, { dirfd: this.fd, name: '' }, this.context);
    if (this.context.dialect.protections !== null) copyInodeFlags(this.lowerFd, this.fd);
    if (this.context.sync && !synced && this.length > 0) sync(this.fd);
  }

  /**
   * Gives the copy its name in the upper. Returns its fd, which the caller owns now. A failure changes
   * nothing.
   */
  publish({ upper, name }: CopyUpDestination): number {
    if (this.name === null) linkFd(this.fd, upper, name);
    else renameAt(this.context.work.fd, this.name, upper, name, RENAME_NOREPLACE);
    this.closeSource();
    return this.fd;
  }

  /**
   * In place of {@link publish}, for a source that was removed. Returns the copy's fd, which the caller owns
   * now.
   */
  keepUnnamed(): number {
    this.closeSource();
    if (this.name !== null) this.context.work.discard(this.name);
    return this.fd;
  }

  /** Closes everything, and removes the copy. */
  abandon(): void {
    this.closeSource();
    close(this.fd);
    if (this.name !== null) this.context.work.discard(this.name);
  }

  /** Does nothing the second time: if a step after {@link publish} fails, {@link abandon} is called too. */
  private closeSource(): void {
    if (this.sourceClosed) return;
    this.sourceClosed = true;
    close(this.lowerFd);
    if (this.sourceFd >= 0 && this.sourceFd !== this.lowerFd) close(this.sourceFd);
  }
}
