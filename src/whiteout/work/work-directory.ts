/**
 * The work directory: where a change of the upper is prepared before one rename or link publishes it. Layout
 * as the kernel's (fs/overlayfs/super.c:ovl_make_workdir): `WORKDIR/work`, emptied at each mount, temporary
 * names `#HEX`.
 */
import { randomBytes } from 'node:crypto';
import type { EntryName } from '../../core/brand.js';
import { Errno, FsError, isErrno } from '../../core/errno.js';
import { DT_DIR, DT_UNKNOWN, isDirectory } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { O_DIRECTORY, O_RDONLY, RENAME_NOREPLACE } from '../../core/flags.js';
import { LayerRefusal } from '../../core/layer-refusal.js';
import { dropInheritedAcl } from '../../sys/files/inherited-acl.js';
import { chmodAt, chmodFd, mkdirAt, renameAt, rmdirAt, unlinkAt } from '../../sys/files/inode-ops.js';
import { close, openAt, openDirectoryAt, openTrusted } from '../../sys/files/open.js';
import { readDirectory } from '../../sys/files/read-directory.js';
import { statAt } from '../../sys/files/stat.js';
import { tryLock, tryShareLock } from '../../sys/locks/lock.js';
import { markUse, usersAreGone } from '../../sys/locks/mount-mark.js';
import { CAP_DAC_OVERRIDE, hasCapability } from '../../sys/rights/capabilities.js';
import { withWriteToEmpty, withWriteToMove } from '../../sys/rights/owner-permission.js';
import { markVolatile, refuseIncompatible } from './incompatible-work.js';

/** How long a server may take to end after its mount has, on a busy machine. */
const ENDING_MS = 3000;

export class WorkDirectory {
  private serial = 0;
  /** Of what could not be removed: a disk that fails goes on failing. */
  private told = false;
  private readonly token = randomBytes(6).toString('hex');

  private constructor(
    /** `WORKDIR/work`, or the directory that serves as it; owned until {@link close}. */
    readonly fd: number,
    private readonly log: (line: string) => void,
  ) {}

  /**
   * Opens `path`/work, creates it if need be and removes what a killed mount left in it. A work directory
   * that another live mount holds is used as it is: container engines mount one snapshot twice for a moment.
   * If the mount of its holder is gone, the call waits for that server to end.
   * @param path bytes, latin1-decoded
   * @param marked leave word that the upper must not be trusted any more
   * @param exclusive EBUSY if another mount holds it and is not at its end: a server still closes what it has
   * open when its mount has gone already, and whoever has unmounted it may mount again at once
   * @param openParent opens `path`
   */
  static open(
    path: string,
    log: (line: string) => void,
    { marked = false, exclusive = false, openParent = (): number => openTrusted(path, O_RDONLY | O_DIRECTORY) } = {},
  ): WorkDirectory {
    const parent = openParent();
    let fd = -1;
    try {
      fd = openOrMake(parent);
      refuseIncompatible(fd, path);
      if (lockInTime(fd, exclusive ? ENDING_MS : 0)) removeContents(fd);
      else if (exclusive) throw inUse(path);
      else log(mountedBeside(`workdir ${path}`));
      // Whoever uses it holds it, also who was not the first: a third must not clean it when the first has
      // gone.
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
   * Uses the directory `name` of `parent`, which is inside the upper, as work directory: for a dialect that
   * keeps one there. What holds of {@link open} holds here.
   * @param patience ms for which to wait for another mount, which may be at its end and still have to write
   */
  static openInside(parent: number, name: string, log: (line: string) => void, patience: number): WorkDirectory {
    const fd = openDirectoryAt(parent, name);
    // Inherited from the upper's root: every object that is made or copied up in here would inherit it in
    // turn.
    dropInheritedAcl(fd);
    if (lockInTime(fd, patience)) removeContents(fd);
    else log(mountedBeside('the upper'));
    tryShareLock(fd);
    return new WorkDirectory(fd, log);
  }

  /** Marks the directory as used by the mount `id` (see `mountedId`). */
  markUse(id: number): void {
    markUse(this.fd, id);
  }

  /** A name that nothing in the work directory has; the token keeps two mounts of one workdir apart. */
  temporaryName(): EntryName {
    this.serial++;
    return `#${this.token}.${this.serial.toString(16)}` as EntryName;
  }

  /**
   * Removes a temporary object, whatever it is; one that is gone already is what was wanted. What cannot be
   * removed stays until the next mount, and harms nothing: that is no failure of whoever made it
   * (fs/overlayfs/dir.c:ovl_cleanup).
   */
  discard(name: string): void {
    try {
      removeTree(this.fd, name);
    } catch (error) {
      if (!(error instanceof FsError)) throw error;
      if (!this.told) this.log(`something in the work directory could not be removed: ${error.message}`);
      this.told = true;
    }
  }

  close(): void {
    close(this.fd);
  }
}

/** As the kernel, which otherwise warns only (fs/overlayfs/super.c:ovl_report_in_use). */
function inUse(path: string): LayerRefusal {
  return new LayerRefusal(
    Errno.EBUSY,
    'workdir',
    path,
    'in use by another mount, and two would spoil the index',
    'unmount that one first, or mount with index=off',
  );
}

function mountedBeside(what: string): string {
  return `mounted all the same: ${what} is in use by another mount too, and only one of the two may write to the upper at a time`;
}

/**
 * Asks again and again: flock(2) has no timeout.
 * @param patience how long to wait for a holder that may be about to end, in ms; a holder whose mount is gone
 * always gets ENDING_MS
 */
function lockInTime(fd: number, patience: number): boolean {
  if (tryLock(fd)) return true;
  const deadline = Date.now() + (usersAreGone(fd) ? Math.max(patience, ENDING_MS) : patience);
  const pause = new Int32Array(new SharedArrayBuffer(4));
  while (!tryLock(fd)) {
    if (Date.now() >= deadline) return false;
    Atomics.wait(pause, 0, 0, 5);
  }
  return true;
}

function openOrMake(parent: number): number {
  const stat = new FileStat();
  // What is no directory is in the way (fs/overlayfs/super.c:ovl_workdir_create removes it likewise).
  if (statAt(parent, 'work', stat) && !isDirectory(stat.mode)) unlinkAt(parent, 'work');
  try {
    mkdirAt(parent, 'work', 0o700);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
  }
  // The kernel gives it mode 0, so that nobody walks in; without CAP_DAC_OVERRIDE that would lock us out as
  // well.
  const privileged = hasCapability(CAP_DAC_OVERRIDE);
  if (!privileged) chmodAt(parent, 'work', 0o700);
  const fd = openDirectoryAt(parent, 'work');
  // Inherited from WORKDIR: every object that is made or copied up in here would inherit it in turn.
  dropInheritedAcl(fd);
  if (privileged) chmodFd(fd, 0);
  return fd;
}

/** Removes everything inside an open directory. */
export function removeContents(fd: number): void {
  for (const name of namesIn(fd)) removeTree(fd, name);
}

/**
 * Removes `name` and all that is below it, never through a symlink. A directory that is found in another is
 * first moved up to `dirfd`: what a layer holds can be deeper than there are fds, or calls on a stack.
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
 * Removes the directory `name` with all in it except directories. It moves these to `dirfd` and returns their
 * new names. The mode of `name` is restored, because an application can have the directory open.
 */
function flatten(dirfd: number, name: string, mode: number): string[] {
  const moved = withWriteToEmpty(dirfd, name, mode, () => emptied(dirfd, name));
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
      // Of the whiteouts that a removed directory was full of, none has to be looked at.
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
      withWriteToMove(fd, inside, stat.mode, () => renameAt(fd, inside, dirfd, out, RENAME_NOREPLACE));
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

/** All names, and those which the file system says are no directories. */
function entriesIn(fd: number): { readonly names: readonly EntryName[]; readonly files: ReadonlySet<EntryName> } {
  const names: EntryName[] = [];
  const files = new Set<EntryName>();
  readDirectory(fd, (name, _ino, type) => {
    names.push(name);
    if (type !== DT_DIR && type !== DT_UNKNOWN) files.add(name);
  });
  return { names, files };
}
