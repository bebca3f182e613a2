import { LRUCache } from 'lru-cache';
import { Errno, fsError, isErrno } from '../../core/errno.js';
import { FileStat } from '../../core/file-stat.js';
import { O_DIRECTORY, O_NOATIME, O_PATH, O_RDONLY } from '../../core/flags.js';
import { close, openKnownAt, openKnownBeneath, reopen } from '../../sys/files/open.js';
import { statFd } from '../../sys/files/stat.js';
import { ownUid } from '../../sys/rights/own-ids.js';
import { canLackPermission, withPermissionsIn } from '../../sys/rights/owner-permission.js';
import type { RealDirectory } from './layer.js';

const stat = new FileStat();

/**
 * The mode of an open upper directory if the server's user owns it and so can change its mode; null for all
 * other directories.
 */
function ownMode({ layer }: RealDirectory, fd: number): number | null {
  if (!layer.isUpper) return null;
  statFd(fd, stat);
  return stat.uid === ownUid ? stat.mode : null;
}

/**
 * Keeps a bounded number of real directories open: the most recently used ones.
 *
 * An operation can use several fds at once (a merged lookup uses one for each layer). When it opens the last
 * one, the first must not be closed. So an evicted fd is closed only after `maxPerOperation` further
 * evictions.
 */
export class DirectoryFds {
  private readonly cache: LRUCache<RealDirectory, number>;
  private readonly evicted: number[] = [];
  /** Directories whose fd has O_PATH, because the server can search but not list them. */
  private readonly searchOnly = new WeakSet<RealDirectory>();
  /** How many directories can be in the cache now: fewer than `max` if applications have many files open. */
  private limit = 0;

  /**
   * @param max how many directories are kept open at most
   * @param maxPerOperation how many directories one operation opens at most. So many can always be open
   * @param maxWithFiles how many fds directories and open files of applications can have together
   */
  constructor(
    private max: number,
    private readonly maxPerOperation: number,
    private readonly maxWithFiles = Number.POSITIVE_INFINITY,
  ) {
    this.cache = new LRUCache({ max, dispose: (fd, dir) => this.evict(fd, dir), noDisposeOnSet: true });
    this.leaveRoomForFiles(0);
  }

  /** An open fd of `dir`, valid for the rest of the current operation. */
  get(dir: RealDirectory): number {
    if (dir.fd >= 0) {
      if (!dir.isPinned) this.cache.get(dir);
      return dir.fd;
    }
    const fd = this.open(dir);
    dir.fd = fd;
    this.cache.set(dir, fd);
    if (this.cache.size > this.limit) this.cache.pop();
    return fd;
  }

  /** Changes how many directories are kept open at most. It cannot be more than at first. */
  setMax(max: number): void {
    this.max = Math.min(this.cache.max, Math.max(max, this.maxPerOperation));
    this.leaveRoomForFiles(0);
  }

  /**
   * Closes directories so that files can be opened. The server can open a directory again later, but an
   * application gets an error if a file cannot be opened.
   * @param files how many files are open
   */
  leaveRoomForFiles(files: number): void {
    this.limit = Math.min(this.max, Math.max(this.maxPerOperation, this.maxWithFiles - files));
    while (this.cache.size > this.limit) this.cache.pop();
  }

  /**
   * Keeps the fd of a directory open until {@link drop}. The directory is about to lose its name, so it could
   * not be opened again.
   */
  pin(dir: RealDirectory): void {
    if (dir.isPinned) return;
    const fd = this.get(dir);
    dir.isPinned = true;
    this.cache.delete(dir);
    dir.fd = fd;
  }

  /** Closes the fd of a directory that nothing refers to any more. */
  drop(dir: RealDirectory): void {
    if (dir.parent === null || dir.fd < 0) return;
    if (dir.isPinned) {
      close(dir.fd);
      dir.fd = -1;
    } else this.cache.delete(dir);
  }

  close(): void {
    this.cache.clear();
    for (const fd of this.evicted.splice(0)) close(fd);
  }

  private evict(fd: number, dir: RealDirectory): void {
    dir.fd = -1;
    if (dir.isPinned) return;
    this.evicted.push(fd);
    if (this.evicted.length > this.maxPerOperation) close(this.evicted.shift() as number);
  }

  /**
   * Runs `list` with an fd that can list the directory. If the server lacks permissions on an upper directory
   * that its user owns, it adds them to the mode while `list` runs. The kernel has already checked the
   * permissions of the caller, and rmdir(2), for which the union lists the directory too, needs none on it.
   */
  withListableFd(dir: RealDirectory, list: (fd: number) => void): void {
    let fd = this.get(dir);
    if (this.searchOnly.has(dir)) {
      // The mode can have changed since the fd was opened.
      this.drop(dir);
      fd = this.get(dir);
    }
    const isReadable = !this.searchOnly.has(dir);
    if (isReadable && !canLackPermission) {
      list(fd);
      return;
    }
    const mode = ownMode(dir, fd);
    if (isReadable) {
      // The directory can have lost search permission since the fd was opened. Search permission is needed,
      // because a whiteout is recognised by a stat of its name.
      if (mode === null) list(fd);
      else withPermissionsIn(fd, mode, () => list(fd));
      return;
    }
    if (mode === null) throw fsError(Errno.EACCES, 'getdents64');
    withPermissionsIn(fd, mode, () => {
      const readable = reopen(fd, O_RDONLY | O_DIRECTORY | dir.layer.directoryFlags);
      try {
        list(readable);
      } finally {
        close(readable);
      }
    });
  }

  /** Does what {@link withListableFd} does, with an fd that has O_NOATIME. */
  withNoatimeFd(dir: RealDirectory, list: (fd: number) => void): void {
    this.withListableFd(dir, (fd) => {
      const noatimeFd = reopen(fd, O_RDONLY | O_DIRECTORY | O_NOATIME);
      try {
        list(noatimeFd);
      } finally {
        close(noatimeFd);
      }
    });
  }

  private open(dir: RealDirectory): number {
    const { parent, layer } = dir;
    const near = parent !== null && parent.fd >= 0;
    const at = near ? parent.fd : layer.root.fd;
    const open = (flags: number): number =>
      near ? openKnownAt(at, dir.name, flags) : openKnownBeneath(at, dir.path, flags);
    try {
      const fd = open(O_RDONLY | O_DIRECTORY | layer.directoryFlags);
      this.searchOnly.delete(dir);
      return fd;
    } catch (error) {
      // Without CAP_DAC_READ_SEARCH, the server can have permission to search a directory but not to list it.
      if (!isErrno(error, 'EACCES')) throw error;
      this.searchOnly.add(dir);
      return open(O_PATH | O_DIRECTORY);
    }
  }
}
