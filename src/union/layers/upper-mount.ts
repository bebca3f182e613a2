/**
 * Opens the upper and its work directory through a mount of their own, which no mount table shows. The
 * kernel's overlayfs does the same (fs/overlayfs/super.c:ovl_get_upper, fs/namespace.c:clone_private_mount).
 * So the mount that they are on can be unmounted while the server has them open. Mounts inside the upper are
 * not visible through it. Access times follow the options of the union, not those of that mount.
 */
import { readlinkSync } from 'node:fs';
import type { AccessTimes } from '../../core/access-times.js';
import { Errno, FsError, fsError } from '../../core/errno.js';
import { FileStat } from '../../core/file-stat.js';
import { O_DIRECTORY, O_NOATIME, O_RDONLY } from '../../core/flags.js';
import {
  CANNOT_CLONE,
  close,
  openDirectoryAt,
  openTrusted,
  tryCloneTree,
  tryOpenBeneath,
} from '../../sys/files/open.js';
import { statFd } from '../../sys/files/stat.js';
import { markInUse } from '../../sys/locks/use-mark.js';
import { tryMakePrivate, trySetAccessTimes } from '../../sys/mount.js';
import type { LayerRoot } from './layer.js';

const DIRECTORY = O_RDONLY | O_DIRECTORY;
/**
 * If the creation of the mount fails with one of these errnos, the server works without it. ENOENT, ENOTDIR,
 * EACCES: the server cannot reach the common parent directory by its path, because the server is in a chroot
 * or a namespace, or the directory was moved meanwhile.
 */
const CLONE_IMPOSSIBLE: ReadonlySet<number> = new Set([...CANNOT_CLONE, Errno.ENOENT, Errno.ENOTDIR, Errno.EACCES]);

/** The fds of the mount. */
interface Roots {
  /** The root of the mount: a directory that contains the other two. */
  readonly tree: number;
  readonly upper: number;
  /** The directory that contains the work directory; -1: the work directory is in the upper. */
  readonly work: number;
  /** The mount updates access times by the options of the union. */
  readonly keepsTimes: boolean;
}

/** Owns its fds until {@link close}. The caller owns the fds that its methods return. */
export class UpperMount {
  private constructor(
    private readonly path: string,
    private readonly workPath: string | undefined,
    private accessTimes: AccessTimes,
    /** null: the server works without a mount of its own. */
    private readonly roots: Roots | null,
  ) {}

  /** Fds that carry the marks of {@link markInUse}. */
  private readonly marked: number[] = [];

  /**
   * Creates the mount. If that is impossible (as an ordinary user, or before Linux 5.2), the upper and the
   * work directory are opened by their paths.
   * @param path bytes, relative to the working directory, symlinks followed
   * @param workPath the path of the directory that contains the work directory; undefined: the work directory
   * is in the upper
   * @throws FsError with `path` if the upper cannot be opened
   */
  static open(path: string, workPath: string | undefined, accessTimes: AccessTimes): UpperMount {
    const upper = openUpperByPath(path);
    let work = -1;
    try {
      // If this fails, `openWork` fails too, with a message about the work directory.
      if (workPath !== undefined) work = openTrusted(workPath, DIRECTORY);
      return new UpperMount(path, workPath, accessTimes, cloneBoth(upper, work, accessTimes));
    } catch (error) {
      if (error instanceof FsError && workPath !== undefined && work < 0)
        return new UpperMount(path, workPath, accessTimes, null);
      throw error;
    } finally {
      close(upper);
      if (work >= 0) close(work);
    }
  }

  /**
   * Changes how access times are updated.
   * @throws FsError EOPNOTSUPP if the server has no mount of its own for the upper, or if it could not set
   * the options of that mount for access times
   */
  setAccessTimes(accessTimes: AccessTimes): void {
    const { mode, directories } = this.accessTimes;
    if (accessTimes.mode === mode && accessTimes.directories === directories) return;
    if (this.roots?.keepsTimes !== true) throw fsError(Errno.EOPNOTSUPP, 'remount');
    const result = trySetAccessTimes(this.roots.tree, accessTimes);
    if (result < 0) throw fsError(-result, 'mount_setattr');
    this.accessTimes = accessTimes;
  }

  /** Opens the upper's root; the caller owns the fd. */
  openUpper(): LayerRoot {
    const { mode, directories } = this.accessTimes;
    const mountKeepsTimes = this.roots?.keepsTimes === true;
    return {
      fd: this.roots === null ? openUpperByPath(this.path) : openDirectoryAt(this.roots.upper, '.'),
      fileFlags: mountKeepsTimes || mode !== 'noatime' ? 0 : O_NOATIME,
      directoryFlags: mountKeepsTimes || (mode !== 'noatime' && directories) ? 0 : O_NOATIME,
    };
  }

  /**
   * Opens the directory that contains the work directory; the caller owns the fd.
   * @throws FsError EINVAL if none was given
   */
  openWork(): number {
    if (this.workPath === undefined) throw fsError(Errno.EINVAL, 'open');
    return this.roots === null ? openTrusted(this.workPath, DIRECTORY) : openDirectoryAt(this.roots.work, '.');
  }

  /**
   * Marks both directories as in use until {@link close}. Another mount with `index=on` cannot use them, or
   * directories inside them, as layers (fs/overlayfs/super.c:ovl_inuse_trylock).
   */
  markInUse(): void {
    this.marked.push(this.openUpper().fd);
    if (this.workPath !== undefined) this.marked.push(this.openWork());
    this.marked.forEach(markInUse);
  }

  close(): void {
    for (const fd of this.marked.splice(0)) close(fd);
    if (this.roots !== null) closeRoots(this.roots);
  }
}

function openUpperByPath(path: string): number {
  try {
    return openTrusted(path, DIRECTORY);
  } catch (error) {
    if (error instanceof FsError) throw new FsError(error.errno, error.reason, path);
    throw error;
  }
}

function closeRoots({ tree, upper, work }: Roots): void {
  for (const fd of [work, upper, tree]) if (fd >= 0) close(fd);
}

/**
 * Opens both directories on one new mount, because rename(2) and link(2) do not work between two mounts.
 * Returns null if that is impossible.
 */
function cloneBoth(upper: number, work: number, accessTimes: AccessTimes): Roots | null {
  const upperPath = pathOfFd(upper);
  const workPath = work < 0 ? upperPath : pathOfFd(work);
  const common = commonDirectory(upperPath, workPath);
  const tree = tryCloneTree(common);
  if (tree < 0) {
    if (CLONE_IMPOSSIBLE.has(-tree)) return null;
    throw fsError(-tree, 'open_tree');
  }
  const keepsTimes = trySetAccessTimes(tree, accessTimes) === 0;
  // Later mounts on the original must not propagate to the new mount. Before Linux 5.12 this cannot be
  // prevented.
  if (!keepsTimes) tryMakePrivate(tree);
  const roots = {
    keepsTimes,
    tree,
    upper: openInClone(tree, common, upperPath, upper),
    work: work < 0 ? -1 : openInClone(tree, common, workPath, work),
  };
  if (roots.upper >= 0 && (work < 0 || roots.work >= 0)) return roots;
  closeRoots(roots);
  return null;
}

function pathOfFd(fd: number): string {
  return readlinkSync(`/proc/self/fd/${fd}`, 'latin1');
}

/** The deepest directory that both absolute paths have in common. */
export function commonDirectory(one: string, other: string): string {
  const names = one.split('/');
  const others = other.split('/');
  let same = 0;
  while (same < names.length && names[same] === others[same]) same++;
  return names.slice(0, same).join('/') || '/';
}

const found = new FileStat();
const expected = new FileStat();

/**
 * Opens the directory `path` through `tree`, a clone of the mount with the directory `common` as its root.
 * Returns -1 if that leads to another directory than `original`.
 */
function openInClone(tree: number, common: string, path: string, original: number): number {
  const below = path.slice(common === '/' ? 1 : common.length + 1);
  const fd = tryOpenBeneath(tree, below, DIRECTORY);
  if (fd < 0) return -1;
  statFd(fd, found);
  statFd(original, expected);
  if (found.ino === expected.ino && found.devMinor === expected.devMinor && found.devMajor === expected.devMajor)
    return fd;
  close(fd);
  return -1;
}
