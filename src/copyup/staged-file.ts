/** A regular file on its way up: source and copy open, not visible under any name of the upper yet. */
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

/** Opens an unnamed file in the work directory; a named one where the file system has no O_TMPFILE. */
export function openUnnamed(work: WorkDirectory): { fd: number; name: EntryName | null } {
  const fd = tryOpenAt(work.fd, '.', O_TMPFILE | O_RDWR, 0o600);
  if (fd >= 0) return { fd, name: null };
  if (!NO_TMPFILE.has(-fd)) throw fsError(-fd, 'openat');
  const name = work.temporaryName();
  return { fd: openAt(work.fd, name, O_CREAT | O_EXCL | O_RDWR, 0o600), name };
}

const opened = new FileStat();

/** What is copied must be what was looked at: its set-id bits would be given to another's data. */
function refuseAnother(fd: number, { ino, devMajor, devMinor }: FileStat): void {
  statFd(fd, opened);
  if (opened.ino !== ino || opened.devMajor !== devMajor || opened.devMinor !== devMinor) {
    throw fsError(Errno.ESTALE, 'copy-up');
  }
}

/**
 * @param reads its data is needed
 * @returns an fd; it is an O_PATH fd if the server cannot read the file and its data is not needed
 */
function openLower({ dirfd, name }: CopyUpSource, reads: boolean): number {
  try {
    return openKnownAt(dirfd, name, O_RDONLY | O_NOATIME);
  } catch (error) {
    if (reads || !isErrno(error, 'EACCES')) throw error;
    return openKnownAt(dirfd, name, O_PATH);
  }
}

export class StagedFile implements Filling {
  private sourceClosed = false;

  private constructor(
    /** The lower file. */
    private readonly lowerFd: number,
    /** Its data: the same, or another file's if the lower one is a metacopy; -1: the copy gets none of it. */
    readonly sourceFd: number,
    /**
     * The copy, open for reading and writing. Taken by {@link publish} or {@link keepUnnamed}, else closed by
     * {@link abandon}.
     */
    readonly fd: number,
    private readonly name: EntryName | null,
    private readonly source: Pick<CopyUpSource, 'stat' | 'overrides' | 'origin'>,
    private readonly context: CopyUpContext,
    /** How much of the source is wanted: less than its size for a truncation. */
    readonly length: number,
    /** Whether bytes remain to be copied: false after a reflink, and for an empty file. */
    readonly needsData: boolean,
  ) {}

  /** @param dataFd the data of a lower metacopy; taken, also when this fails. -1: the file is whole */
  static open(source: CopyUpSource, context: CopyUpContext, length: number, dataFd = -1): StagedFile {
    const wanted = Math.min(length, source.stat.size);
    const open = (): number => openLower(source, dataFd < 0 && wanted > 0);
    return StagedFile.prepare(open, source, context, dataFd, (lowerFd, fd, name) => {
      const sourceFd = dataFd < 0 ? lowerFd : dataFd;
      const cloned = wanted > 0 && wanted === source.stat.size && cloneData(sourceFd, fd);
      // The data of a metacopy may be longer than the file says.
      if (cloned && dataFd >= 0) truncate(fd, wanted);
      return new StagedFile(lowerFd, sourceFd, fd, name, source, context, wanted, wanted > 0 && !cloned);
    });
  }

  /** A copy of all but the data (a metacopy), which stays where it is. */
  static withoutData(source: CopyUpSource, context: CopyUpContext): StagedFile {
    return StagedFile.prepare(
      () => openLower(source, false),
      source,
      context,
      -1,
      (lowerFd, fd, name) => {
        truncate(fd, source.stat.size);
        return new StagedFile(lowerFd, -1, fd, name, source, context, 0, false);
      },
    );
  }

  private static prepare(
    open: () => number,
    source: CopyUpSource,
    context: CopyUpContext,
    dataFd: number,
    make: (lowerFd: number, fd: number, name: EntryName | null) => StagedFile,
  ): StagedFile {
    const fds = dataFd < 0 ? [] : [dataFd];
    try {
      const lowerFd = open();
      fds.push(lowerFd);
      refuseAnother(lowerFd, source.stat);
      const { fd, name } = openUnnamed(context.work);
      fds.push(fd);
      try {
        return make(lowerFd, fd, name);
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
   * Whether the source has fewer blocks than its size needs, that is holes (or compression; then asking is
   * cheap).
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
   * Metadata, then (unless volatile, or done by whoever filled it) the disk: what gets a name next is
   * complete.
   */
  seal(synced: boolean): void {
    // By the fd and not by name: who changes the layer meanwhile must not give one file's rights to another's
    // data.
    const source = { ...this.source, dirfd: this.lowerFd, name: '' as EntryName };
    // Before the mode, which can forbid it to an ordinary user.
    if (this.sourceFd < 0) this.context.dialect.metacopies?.mark(this.fd);
    fillMetadata(source, { dirfd: this.fd, name: '' }, this.context);
    if (this.context.dialect.protections !== null) copyInodeFlags(this.lowerFd, this.fd);
    if (this.context.sync && !synced && this.length > 0) sync(this.fd);
  }

  /**
   * Gives the copy its name in the upper. Returns its fd, which is the caller's now. On failure it is as it
   * was.
   */
  publish({ upper, name }: CopyUpDestination): number {
    if (this.name === null) linkFd(this.fd, upper, name);
    else renameAt(this.context.work.fd, this.name, upper, name, RENAME_NOREPLACE);
    this.closeSource();
    return this.fd;
  }

  /**
   * For a source that has no name any more: the copy gets none either. Returns its fd, which is the caller's
   * now.
   */
  keepUnnamed(): number {
    this.closeSource();
    if (this.name !== null) this.context.work.discard(this.name);
    return this.fd;
  }

  /** Leaves no trace. */
  abandon(): void {
    this.closeSource();
    close(this.fd);
    if (this.name !== null) this.context.work.discard(this.name);
  }

  /** Once: what comes after the publication can fail too, and then {@link abandon} follows. */
  private closeSource(): void {
    if (this.sourceClosed) return;
    this.sourceClosed = true;
    close(this.lowerFd);
    if (this.sourceFd >= 0 && this.sourceFd !== this.lowerFd) close(this.sourceFd);
  }
}
