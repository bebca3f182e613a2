/** Replaces a directory that has no entries in the union but contains whiteouts. Both dialects use it. */
import type { EntryName } from '../../core/brand.js';
import { isErrno } from '../../core/errno.js';
import { FileStat } from '../../core/file-stat.js';
import { RENAME_EXCHANGE } from '../../core/flags.js';
import { modeWithin, withoutForeignIds } from '../../core/posix-acl.js';
import { UndoStack } from '../../core/undo.js';
import { ACL_DEFAULT, isAcl } from '../../core/xattr-names.js';
import { chmodAt, chownAt, mkdirAt, renameAt, rmdirAt } from '../../sys/files/inode-ops.js';
import { copyTimes } from '../../sys/files/object-ref.js';
import { statAt } from '../../sys/files/stat.js';
import { getXattr, listXattrs, setXattr } from '../../sys/files/xattr.js';
import { moveKeepingMode, withAllPermissions, withPermissionsToMove } from '../../sys/rights/owner-permission.js';
import type { WorkDirectory } from './work-directory.js';

/** Removes the directory if it is physically empty; returns false if it is not. */
export function removeIfEmpty(dirfd: number, name: EntryName): boolean {
  try {
    rmdirAt(dirfd, name);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOTEMPTY', 'EEXIST')) return false;
    throw error;
  }
}

/**
 * Copies all attributes of `source` to the directory `staged` in `workFd`. The mode is set after the owner,
 * because chown clears mode bits, and the times are set last.
 */
function cloneAttributes(
  source: { readonly dirfd: number; readonly name: EntryName; readonly stat: FileStat },
  workFd: number,
  staged: string,
): void {
  const { dirfd, name, stat } = source;
  chownAt(workFd, staged, stat.uid, stat.gid);
  let { mode } = stat;
  for (const xattr of listXattrs(dirfd, name)) {
    const value = getXattr(dirfd, name, xattr);
    if (value === null) continue;
    const written = isAcl(xattr) ? withoutForeignIds(value) : value;
    if (written !== value && xattr !== ACL_DEFAULT) mode = modeWithin(mode, written);
    setXattr(workFd, staged, xattr, written);
  }
  chmodAt(workFd, staged, mode & 0o7777);
  copyTimes(stat, { dirfd: workFd, name: staged });
}

/**
 * Runs `move`, which moves an object over the directory `name` in `upper`, after the directory is exchanged
 * for an empty one with the same attributes. If a step fails, the directory is exchanged back, so that
 * processes that have it open keep the same one.
 * @param prepare prepares the empty directory, which has the name `staged` in `work`
 */
export function moveOverEmptied(
  work: WorkDirectory,
  upper: number,
  name: EntryName,
  prepare: (staged: EntryName) => void,
  move: () => void,
): void {
  const staged = work.temporaryName();
  const stat = new FileStat();
  statAt(upper, name, stat);
  const exchange = (): void =>
    withPermissionsToMove(upper, name, stat.mode, () =>
      moveKeepingMode({ dirfd: work.fd, name: staged }, { dirfd: upper, name }, stat.mode, () =>
        renameAt(work.fd, staged, upper, name, RENAME_EXCHANGE),
      ),
    );
  const undo = new UndoStack();
  undo.push(() => work.discard(staged));
  undo.guard(() => {
    mkdirAt(work.fd, staged, 0o700);
    withAllPermissions(upper, name, () => cloneAttributes({ dirfd: upper, name, stat }, work.fd, staged));
    prepare(staged);
    exchange();
    undo.push(exchange);
    move();
  });
  work.discard(staged);
}
