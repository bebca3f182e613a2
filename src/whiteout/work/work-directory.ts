/**
 * The work directory, in which a change of the upper is prepared before one rename or link publishes it. Its
 * layout is the kernel's (fs/overlayfs/super.c:ovl_make_workdir): `WORKDIR/work`, emptied at each mount, with
 * temporary names `#HEX`.
 */
import { randomBytes } from 'node:crypto';
import type { EntryName } from '../../core/brand.js';
import { displayName } from '../../core/entry-name.js';
import { Errno, FsError } from '../../core/errno.js';
import { DT_DIR, DT_UNKNOWN, isDirectory } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { O_DIRECTORY, O_RDONLY, RENAME_NOREPLACE } from '../../core/flags.js';
import { LayerRefusal } from '../../core/layer-refusal.js';
import { dropInheritedAcl } from '../../sys/files/inherited-acl.js';
import { chmodAt, chmodFd, renameAt, rmdirAt, unlinkAt } from '../../sys/files/inode-ops.js';
import { close, openAt, openDirectoryAt, openTrusted } from '../../sys/files/open.js';
import { readDirectory } from '../../sys/files/read-directory.js';
import { statAt } from '../../sys/files/stat.js';
import { tryLock, tryShareLock } from '../../sys/locks/lock.js';
import { markUse, usersAreGone } from '../../sys/locks/mount-mark.js';
import { CAP_DAC_OVERRIDE, hasCapability } from '../../sys/rights/capabilities.js';
import { withPermissionsToEmpty, withPermissionsToMove } from '../../sys/rights/owner-permission.js';
import { markVolatile, refuseIncompatible } from './incompatible-work.js';
import { makeIfMissing } from './make-directory.js';
import { type EndingPolicy, StillEnding } from './still-ending.js';

/** How long a server can take to end after its unmount, on a busy machine, in milliseconds. */
const ENDING_MS = 3000;

export class WorkDirectory {
  private serial = 0;
  /** A failed removal was logged. It is logged once only, because a disk that fails keeps failing. */
  private removalFailed = false;
  private readonly token = randomBytes(6).toString('hex');

  private constructor(
    /** `WORKDIR/work`, or the directory that is used in its place. {@link close} closes it. */
    readonly fd: number,
    private readonly log: (line: string) => void,
  ) {}

  /**
   * Opens `path`/work, creates it if necessary, and empties it if no other mount uses it. A work directory
   * that another mount uses is not emptied, and is used all the same, because container engines mount one
   * snapshot twice for a moment. If that other mount is unmounted already, the call waits for its server to
   * end.
   * @param path bytes, latin1-decoded
   * @param marked mark the upper as volatile
   * @param exclusive throw EBUSY if another mount uses the directory. If the other server is just ending, the
   * call waits for it: that server closes its files after the unmount, and a user can mount again at once
   * @param whileEnding the action instead of waiting
   * @param openParent opens `path`
   * @throws StillEnding see {@link EndingPolicy}
   */
  static open(
    path: string,
    log: (line: string) => void,
    {
      marked = false,
      exclusive = false,
      whileEnding = 'wait' as EndingPolicy,
      openParent = (): number => openTrusted(path, O_RDONLY | O_DIRECTORY),
    } = {},
  ): WorkDirectory {
    const parent = openParent();
    let fd = -1;
    try {
      fd = openWork(parent);
      refuseIncompatible(fd, path);
      if (lockInTime(fd, exclusive ? ENDING_MS : 0, whileEnding)) removeContents(fd);
      else if (exclusive) throw inUse(path);
      else log(sharedWarning(`workdir ${displayName(path)}`));
      // Every mount that uses the directory holds a lock, so that a later one does not empty it when the
      // first has ended.
      tryShareLock(fd);
      if (marked) markVolatile(fd);
      return new WorkDirectory(fd, log);
    } catch (error) {
      if (fd >= 0) close(fd);
      throw error;
    } finally {
      close(parent);
    }
  }

  /**
   * As {@link open}, for a dialect whose work directory is inside the upper: the directory `name` in
   * `parent`.
   * @param waitMs how long to wait for another mount that may be ending and still writes, in milliseconds
   * @throws StillEnding see {@link EndingPolicy}
   */
  static openInside(
    parent: number,
    name: string,
    log: (line: string) => void,
    { waitMs = 0, whileEnding = 'wait' as EndingPolicy } = {},
  ): WorkDirectory {
    const fd = openDirectoryAt(parent, name);
    try {
      // An ACL inherited from the upper's root would pass to every object that is created or copied up here.
      dropInheritedAcl(fd);
      if (lockInTime(fd, waitMs, whileEnding)) removeContents(fd);
      else log(sharedWarning('the upper'));
      tryShareLock(fd);
      return new WorkDirectory(fd, log);
    } catch (error) {
      close(fd);
      throw error;
    }
  }

  /** Marks the directory as used by the mount `id` (see `mountedId`). */
  markUse(id: number): void {
    markUse(this.fd, id);
  }

  /** Returns an unused name. The token is different for two mounts of one work directory. */
  temporaryName(): EntryName {
    this.serial++;
    return `#${this.token}.${this.serial.toString(16)}` as EntryName;
  }

  /**
   * Removes a temporary object of any type, if it exists. A failure is only logged, as in the kernel
   * (fs/overlayfs/dir.c:ovl_cleanup): the object does no harm, and the next mount removes it.
   */
  discard(name: string): void {
    try {
      removeTree(this.fd, name);
    } catch (error) {
      if (!(error instanceof FsError)) throw error;
      if (!this.removalFailed) this.log(`an object in the work directory could not be removed: ${error.message}`);
      this.removalFailed = true;
    }
  }

  close(): void {
    close(this.fd);
  }
}

/** As in the kernel, which without an index only warns (fs/overlayfs/super.c:ovl_report_in_use). */
function inUse(path: string): LayerRefusal {
  return new LayerRefusal(
    Errno.EBUSY,
    'workdir',
    path,
    'in use by another mount, and two would spoil the index',
    'unmount that one first, or mount with index=off',
  );
}

function sharedWarning(what: string): string {
  return `mounted all the same: ${what} is in use by another mount too, and only one of the two may write to the upper at a time`;
}

/**
 * Locks the directory. Polls, because flock(2) has no timeout.
 * @param waitMs how long to wait for another holder, in milliseconds; for a holder whose mount is unmounted
 * already, at least {@link ENDING_MS}
 * @returns false if the other holder keeps its lock
 */
function lockInTime(fd: number, waitMs: number, whileEnding: EndingPolicy): boolean {
  if (tryLock(fd)) return true;
  if (whileEnding === 'give up') return false;
  const patience = usersAreGone(fd) ? Math.max(waitMs, ENDING_MS) : waitMs;
  if (patience > 0 && whileEnding === 'throw') throw new StillEnding(patience);
  const deadline = Date.now() + patience;
  const pause = new Int32Array(new SharedArrayBuffer(4));
  while (!tryLock(fd)) {
    if (Date.now() >= deadline) return false;
    Atomics.wait(pause, 0, 0, 5);
  }
  return true;
}

function openWork(parent: number): number {
  const stat = new FileStat();
  // Removes an object that is not a directory, as fs/overlayfs/super.c:ovl_workdir_create does.
  if (statAt(parent, 'work', stat) && !isDirectory(stat.mode)) unlinkAt(parent, 'work');
  makeIfMissing(parent, 'work', 0o700);
  // The kernel sets mode 0, so that no user can enter it. Without CAP_DAC_OVERRIDE, the server could not
  // either.
  const privileged = hasCapability(CAP_DAC_OVERRIDE);
  if (!privileged) chmodAt(parent, 'work', 0o700);
  const fd = openDirectoryAt(parent, 'work');
  // An ACL inherited from WORKDIR would pass to every object that is created or copied up here.
  dropInheritedAcl(fd);
  if (privileged) chmodFd(fd, 0);
  return fd;
}

/** Removes all entries of an open directory. */
export function removeContents(fd: number): void {
  for (const name of namesIn(fd)) removeTree(fd, name);
}

/**
 * Removes `name` and everything below it, without following symlinks. A directory in it is first moved up to
 * `dirfd`, because a tree can be deeper than the limit of open fds or of the call stack.
 */
export function removeTree(dirfd: number, name: string): void {
  const stat = new FileStat();
  const left = [name];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (!statAt(dirfd, next, stat)) continue;
    if (!isDirectory(stat.mode)) unlinkAt(dirfd, next);
    else left.push(...flatten(dirfd, next, stat.mode));
  }
}

/**
 * Removes the directory `name` and its entries, except directories. It moves these to `dirfd` and returns
 * their new names. The mode of `name` is restored, because an application can have the directory open.
 */
function flatten(dirfd: number, name: string, mode: number): string[] {
  const moved = withPermissionsToEmpty(dirfd, name, mode, () => emptied(dirfd, name));
  rmdirAt(dirfd, name);
  return moved;
}

function emptied(dirfd: number, name: string): string[] {
  const fd = openAt(dirfd, name, O_RDONLY | O_DIRECTORY);
  const moved: string[] = [];
  const stat = new FileStat();
  try {
    const { names, files } = entriesIn(fd);
    for (const inside of names) {
      // Saves a stat for each entry that is known not to be a directory, such as a whiteout.
      if (files.has(inside)) {
        unlinkAt(fd, inside);
        continue;
      }
      if (!statAt(fd, inside, stat)) continue;
      if (!isDirectory(stat.mode)) {
        unlinkAt(fd, inside);
        continue;
      }
      const out = `#${randomBytes(8).toString('hex')}`;
      withPermissionsToMove(fd, inside, stat.mode, () => renameAt(fd, inside, dirfd, out, RENAME_NOREPLACE));
      moved.push(out);
    }
  } finally {
    close(fd);
  }
  return moved;
}

function namesIn(fd: number): readonly EntryName[] {
  return entriesIn(fd).names;
}

/** All names, and those that the file system lists as something other than directories. */
function entriesIn(fd: number): { readonly names: readonly EntryName[]; readonly files: ReadonlySet<EntryName> } {
  const names: EntryName[] = [];
  const files = new Set<EntryName>();
  readDirectory(fd, (name, _ino, type) => {
    names.push(name);
    if (type !== DT_DIR && type !== DT_UNKNOWN) files.add(name);
  });
  return { names, files };
}
