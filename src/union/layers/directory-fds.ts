import { LRUCache } from 'lru-cache';
import { Errno, fsError, isErrno } from '../../core/errno.js';
import { FileStat } from '../../core/file-stat.js';
import { O_DIRECTORY, O_NOATIME, O_PATH, O_RDONLY } from '../../core/flags.js';
import { close, openKnownAt, openKnownBeneath, reopen } from '../../sys/files/open.js';
import { statFd } from '../../sys/files/stat.js';
import { ownUid } from '../../sys/rights/own-ids.js';
import { canLackPermission, withWriteInto } from '../../sys/rights/owner-permission.js';
import type { RealDirectory } from './layer.js';

const stat = new FileStat();

/**
 * The mode of an open directory of the upper that belongs to the server's user, who can change it; null: of
 * any other.
 */
function ownMode({ layer }: RealDirectory, fd: number): number | null {
  if (!layer.isUpper) return null;
  statFd(fd, stat);
  return stat.uid === ownUid ? stat.mode : null;
}

/**
 * Keeps a bounded number of real directories open, the most recently used ones.
 *
 * An evicted fd is closed only after `grace` further evictions: an operation may hold several fds at once (a
 * merged lookup one per layer), and opening the last must not close the first under it.
 */
export class DirectoryFds {
  private readonly cache: LRUCache<RealDirectory, number>;
  private readonly retired: number[] = [];
  /** Directories whose fd is an O_PATH one. */
  private readonly searchOnly = new WeakSet<RealDirectory>();

  /** How many of the cached directories can be open now. */
  private room = 0;

  /**
   * @param max how many directories are kept open at most
   * @param grace more than any one operation opens: two per layer and a few. At least so many directories are
   * kept open
   * @param shared how many fds there are for directories and for files that applications have open, together
   */
  constructor(
    private readonly max: number,
    private readonly grace: number,
    private readonly shared = Number.POSITIVE_INFINITY,
  ) {
    this.cache = new LRUCache({ max, dispose: (fd, dir) => this.retire(fd, dir), noDisposeOnSet: true });
    this.leaveRoomFor(0);
  }

  /** An open fd of `dir`, valid for the rest of the current operation. */
  get(dir: RealDirectory): number {
    if (dir.fd >= 0) {
      if (!dir.pinned) this.cache.get(dir);
      return dir.fd;
    }
    const fd = this.open(dir);
    dir.fd = fd;
    this.cache.set(dir, fd);
    if (this.cache.size > this.room) this.cache.pop();
    return fd;
  }

  /**
   * Closes directories so that files can be opened: a directory can be opened again, but an application sees
   * when a file cannot be.
   * @param files how many files are open
   */
  leaveRoomFor(files: number): void {
    this.room = Math.min(this.max, Math.max(this.grace, this.shared - files));
    while (this.cache.size > this.room) this.cache.pop();
  }

  /** Takes the fd out of the bounded set: a directory that is about to lose its name. */
  pin(dir: RealDirectory): void {
    if (dir.pinned) return;
    const fd = this.get(dir);
    dir.pinned = true;
    this.cache.delete(dir);
    dir.fd = fd;
  }

  /** Closes the fd of a directory that nothing refers to any more. */
  drop(dir: RealDirectory): void {
    if (dir.parent === null || dir.fd < 0) return;
    if (dir.pinned) {
      close(dir.fd);
      dir.fd = -1;
    } else this.cache.delete(dir);
  }

  close(): void {
    this.cache.clear();
    for (const fd of this.retired.splice(0)) close(fd);
  }

  private retire(fd: number, dir: RealDirectory): void {
    dir.fd = -1;
    if (dir.pinned) return;
    this.retired.push(fd);
    if (this.retired.length > this.grace) close(this.retired.shift() as number);
  }

  /**
   * Runs `list` with an fd that can list the directory. An upper directory of the server's user gets the
   * permissions for that moment: the kernel has already checked those of the caller, and rmdir(2), which
   * lists too, needs none on the directory.
   */
  listing(dir: RealDirectory, list: (fd: number) => void): void {
    let fd = this.get(dir);
    if (this.searchOnly.has(dir)) {
      // Its mode may have changed since.
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
      // The mode may have lost search permission since the fd was opened, and a whiteout is recognised by a
      // stat of its name.
      if (mode === null) list(fd);
      else withWriteInto(fd, mode, () => list(fd));
      return;
    }
    if (mode === null) throw fsError(Errno.EACCES, 'getdents64');
    withWriteInto(fd, mode, () => {
      const readable = reopen(fd, O_RDONLY | O_DIRECTORY | dir.layer.directoryFlags);
      try {
        list(readable);
      } finally {
        close(readable);
      }
    });
  }

  /** As {@link listing}, but with O_NOATIME if that is permitted. */
  quietListing(dir: RealDirectory, list: (fd: number) => void): void {
    this.listing(dir, (fd) => {
      const quiet = reopen(fd, O_RDONLY | O_DIRECTORY | O_NOATIME);
      try {
        list(quiet);
      } finally {
        close(quiet);
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
      // Without CAP_DAC_READ_SEARCH a directory can be one that we may search but not list.
      if (!isErrno(error, 'EACCES')) throw error;
      this.searchOnly.add(dir);
      return open(O_PATH | O_DIRECTORY);
    }
  }
}
