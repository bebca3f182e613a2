/**
 * Copies one lower object up, in four steps (fs/overlayfs/copy_up.c:ovl_copy_up_one):
 *
 * 1. stage: create the copy in the work directory, which the union does not show;
 * 2. fill: copy the data of a regular file;
 * 3. seal: set owner, xattrs, mode and times, and sync the copy to the disk;
 * 4. publish: give the copy its name in the upper, by one system call.
 *
 * The name in the upper hides the lower object. It is made last, so that neither a crash nor an error leaves
 * an incomplete copy that hides the object. This file has steps 1, 3 and 4 for objects without data, and step
 * 4 for regular files. `staged-file.ts` has the other steps.
 */
import type { EntryName } from '../core/brand.js';
import { Errno, fsError } from '../core/errno.js';
import { isDirectory, S_IFDIR, S_IFLNK, S_IFMT } from '../core/file-mode.js';
import { FileStat } from '../core/file-stat.js';
import { O_DIRECTORY, O_PATH, O_RDONLY, RENAME_NOREPLACE } from '../core/flags.js';
import { afterwards } from '../core/undo.js';
import { makeDev, mkdirAt, mknodAt, readlinkAt, renameAt, symlinkAt, utimesFd } from '../sys/files/inode-ops.js';
import { close, openAt, openDirectoryAt, tryOpenAt } from '../sys/files/open.js';
import { statFd } from '../sys/files/stat.js';
import { moveKeepingMode, withPermissionsIn } from '../sys/rights/owner-permission.js';
import type { CopyUpContext, CopyUpDestination, CopyUpSource } from './context.js';
import { copyInodeFlags } from './copy-inode-flags.js';
import { fillMetadata } from './fill-metadata.js';
import type { StagedFile } from './staged-file.js';

/**
 * Publishes a sealed file, and restores the times of its directory. Returns its fd, which the caller owns.
 */
export function publishFile(staged: StagedFile, destination: CopyUpDestination): number {
  return keepingTimes(destination.upper, () => staged.publish(destination));
}

/**
 * Is called when the object is finished but has no name in the upper yet. The object has the name `staged` in
 * the work directory `dirfd`.
 */
type WhenFinished = (dirfd: number, staged: EntryName) => void;

/** Copies an object that is not a regular file: a directory without its content, or a special object. */
export function copyUpNonRegular(
  source: CopyUpSource,
  destination: CopyUpDestination,
  context: CopyUpContext,
  whenFinished?: WhenFinished,
): void {
  const { work } = context;
  const staged = work.temporaryName();
  try {
    stage(source, staged, context);
    whenFinished?.(work.fd, staged);
    const { upper, name } = destination;
    const physical = physicalMode(source.stat.mode, context);
    const move = (): void => renameAt(work.fd, staged, upper, name, RENAME_NOREPLACE);
    keepingTimes(upper, () =>
      moveKeepingMode({ dirfd: work.fd, name: staged }, { dirfd: upper, name }, physical, move),
    );
  } catch (error) {
    work.discard(staged);
    throw error;
  }
}

/**
 * Does what {@link copyUpNonRegular} does, for a removed object that an application still has open. The
 * object has no name any more, so the copy gets none. Returns an O_PATH fd, which the caller owns.
 */
export function copyUpUnnamed(source: CopyUpSource, context: CopyUpContext, whenFinished?: WhenFinished): number {
  const { work } = context;
  const staged = work.temporaryName();
  try {
    stage(source, staged, context);
    whenFinished?.(work.fd, staged);
    return openAt(work.fd, staged, O_PATH);
  } finally {
    work.discard(staged);
  }
}

function stage(source: CopyUpSource, staged: EntryName, context: CopyUpContext): void {
  const { fd } = context.work;
  makeEmpty(source, fd, staged, context);
  if (isDirectory(source.stat.mode) && context.dialect.protections !== null) copyDirectoryFlags(source, fd, staged);
  fillMetadata(source, { dirfd: fd, name: staged }, context);
}

function copyDirectoryFlags({ dirfd, name }: CopyUpSource, workFd: number, staged: EntryName): void {
  const from = tryOpenAt(dirfd, name, O_RDONLY | O_DIRECTORY);
  if (from < 0) {
    // A server without privileges cannot open a directory that it has no permission to read. Then it cannot
    // read the flags either.
    if (from === -Errno.EACCES) return;
    throw fsError(-from, 'openat');
  }
  try {
    const to = openDirectoryAt(workFd, staged);
    try {
      copyInodeFlags(from, to);
    } finally {
      close(to);
    }
  } finally {
    close(from);
  }
}

/** The physical mode of a copy that shows the mode `mode`. */
function physicalMode(mode: number, { overrides }: CopyUpContext): number {
  return overrides === null ? mode : overrides.physicalMode(mode);
}

function makeEmpty(
  { dirfd, name, stat }: CopyUpSource,
  workFd: number,
  staged: EntryName,
  context: CopyUpContext,
): void {
  const type = physicalMode(stat.mode, context) & S_IFMT;
  if (type === S_IFDIR) mkdirAt(workFd, staged, 0o700);
  else if (type === S_IFLNK) symlinkAt(readlinkAt(dirfd, name), workFd, staged);
  else mknodAt(workFd, staged, type | 0o600, makeDev(stat.rdevMajor, stat.rdevMinor));
}

/** Refuses an immutable or append-only object if its copy would lose that protection. */
export function refuseProtected(stat: FileStat, { dialect }: CopyUpContext): void {
  if (stat.protection !== 0 && dialect.protections === null) throw fsError(Errno.EPERM, 'copy-up');
}

const parentStat = new FileStat();

/**
 * Runs `publish`, which adds a name to the directory `dirfd`, and restores the directory's times. A failure
 * to restore them (a directory of another owner, a disk that fails) is ignored, because the object is copied
 * up already (fs/overlayfs/copy_up.c:ovl_set_timestamps is best effort too).
 */
export function keepingTimes<T>(dirfd: number, publish: () => T): T {
  statFd(dirfd, parentStat);
  const { atimeSec, atimeNsec, mtimeSec, mtimeNsec, mode } = parentStat;
  // The application needs no write permission on the directory for a copy-up. If the server lacks it too, the
  // server adds it while `publish` runs.
  const result = withPermissionsIn(dirfd, mode, publish);
  afterwards(() => utimesFd(dirfd, { sec: atimeSec, nsec: atimeNsec }, { sec: mtimeSec, nsec: mtimeNsec }));
  return result;
}
