import { LRUCache } from 'lru-cache';
import { Errno, fsError, isErrno } from '../core/errno.js';
import { FileStat } from '../core/file-stat.js';
import { O_DIRECTORY, O_NOATIME, O_PATH, O_RDONLY } from '../core/flags.js';
import { close, openKnownAt, openKnownBeneath, reopen } from '../sys/open.js';
import { canLackPermission, withWriteInto } from '../sys/owner-permission.js';
import { statFd } from '../sys/stat.js';
import type { RealDirectory } from './layer.js';

const stat = new FileStat();
const myUid = process.geteuid?.();

/** Fills `stat`. */
function isOwn(fd: number): boolean {
  statFd(fd, stat);
  return stat.uid === myUid;
}

/**
 * Keeps a bounded number of real directories open, the most recently used ones.
 *
 * An evicted fd is closed only after `grace` further evictions: an operation may hold several fds at once (a merged
 * lookup one per layer), and opening the last must not close the first under it.
 */
export class DirectoryFds {
  private readonly cache: LRUCache<RealDirectory, number>;
  private readonly retired: number[] = [];
  /** Directories whose fd is an O_PATH one. */
  private readonly searchOnly = new WeakSet<RealDirectory>();

  /** How many may be open now. */
  private room = 0;

  /**
   * @param grace more than any one operation opens: two per layer and a few. So many are kept in any case
   * @param shared fds for directories and for files that applications have open, together
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

  /** Gives up directories for files: those can be opened again, and a file that cannot be opened is a failure. @param files that are open */
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
   * Runs `list` with an fd that the directory can be listed with. One of the upper that is our own may lack the
   * permission: the kernel has asked it of whoever reads the directory; it takes none to remove an empty one.
   */
  listing(dir: RealDirectory, list: (fd: number) => void): void {
    let fd = this.get(dir);
    if (this.searchOnly.has(dir)) {
      // Its mode may have changed since.
      this.drop(dir);
      fd = this.get(dir);
    }
    if (!this.searchOnly.has(dir)) {
      // It may have been opened when its mode allowed more, and whether a name is a whiteout is asked by that name.
      if (canLackPermission && dir.layer.isUpper && isOwn(fd)) withWriteInto(fd, stat.mode, () => list(fd));
      else list(fd);
      return;
    }
    if (!dir.layer.isUpper || !isOwn(fd)) throw fsError(Errno.EACCES, 'getdents64');
    withWriteInto(fd, stat.mode, () => {
      const readable = reopen(fd, O_RDONLY | O_DIRECTORY | dir.layer.directoryFlags);
      try {
        list(readable);
      } finally {
        close(readable);
      }
    });
  }

  /** As {@link listing}, by an fd that leaves the access time alone, where that is permitted. */
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
