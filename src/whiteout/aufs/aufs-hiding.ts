/**
 * Changes of an rw branch in the aufs dialect. Each change takes several steps, in the order of aufs
 * (i_op_add.c, i_op_del.c, i_op_ren.c). It creates a whiteout before it removes the entry that the whiteout
 * replaces, and removes a whiteout only after the new entry exists. Between the steps the branch has both the
 * entry and its whiteout, and the entry is shown (see `aufs-reader.ts`). So after each step the tree is as
 * before or as after the change.
 */
import type { EntryName } from '../../core/brand.js';
import { isErrno } from '../../core/errno.js';
import { FileStat } from '../../core/file-stat.js';
import { RENAME_NOREPLACE } from '../../core/flags.js';
import { afterwards, UndoStack } from '../../core/undo.js';
import { renameAt, unlinkAt } from '../../sys/files/inode-ops.js';
import { copyTimes } from '../../sys/files/object-ref.js';
import { statAt, statFd } from '../../sys/files/stat.js';
import { withPermissionsIn, withPermissionsToMove } from '../../sys/rights/owner-permission.js';
import { whiteoutOf } from '../aufs-names.js';
import type { Hiding, MovePlan } from '../dialect.js';
import { moveOverEmptied, removeIfEmpty } from '../work/clone-directory.js';
import type { WorkDirectory } from '../work/work-directory.js';
import { type MarkerMaker, removeWhiteout, within } from './aufs-marks.js';

export class AufsHiding implements Hiding {
  constructor(
    /** The branch's directory of orphans. */
    private readonly work: WorkDirectory,
    private readonly markers: MarkerMaker,
  ) {}

  hide(upper: number, name: EntryName): void {
    this.markers.whiteout(upper, name);
  }

  removeAndHide(upper: number, name: EntryName): void {
    this.hideDuring(upper, name, () => unlinkAt(upper, name));
  }

  removeDirectory(upper: number, name: EntryName, hide: boolean): void {
    if (!hide && removeIfEmpty(upper, name)) return;
    const staged = this.work.temporaryName();
    if (hide) this.hideDuring(upper, name, () => this.moveToWork(upper, name, staged));
    else this.moveToWork(upper, name, staged);
    this.work.discard(staged);
  }

  publishOverWhiteout(staged: string, upper: number, name: EntryName): void {
    const undo = new UndoStack();
    undo.guard(() => {
      renameAt(this.work.fd, staged, upper, name, RENAME_NOREPLACE);
      undo.push(() => renameAt(upper, name, this.work.fd, staged));
      removeWhiteout(upper, name);
    });
  }

  markOpaque(dirfd: number, name: string): void {
    within(dirfd, name, (fd) => {
      const stat = new FileStat();
      statFd(fd, stat);
      withPermissionsIn(fd, stat.mode, () => this.markers.opaque(fd));
      // For an application the directory has not changed, so it gets its times back. A failure only leaves
      // other times.
      afterwards(() => copyTimes(stat, { dirfd: fd, name: '' }));
    });
  }

  move(plan: MovePlan): void {
    const { from, name, to, newName } = plan;
    const undo = new UndoStack();
    undo.guard(() => {
      if (plan.hideSource && this.markers.whiteout(from, name)) undo.push(() => unlinkAt(from, whiteoutOf(name)));
      if (plan.ontoWhiteout) this.moveOntoWhiteout(plan, undo);
      else if (!plan.isDirectory) renameAt(from, name, to, newName);
      else this.moveDirectory(plan);
    });
  }

  /** Nothing to remove: the work directory has no objects between two changes. */
  close(): void {}

  private moveOntoWhiteout({ from, name, to, newName }: MovePlan, undo: UndoStack): void {
    renameAt(from, name, to, newName);
    undo.push(() => renameAt(to, newName, from, name));
    removeWhiteout(to, newName);
  }

  /**
   * Moves a directory, possibly over a directory that has no entries in the union but contains whiteouts. The
   * target is then exchanged for an empty directory. A marker in that one would prevent its replacement, so a
   * whiteout beside it makes it opaque.
   */
  private moveDirectory({ from, name, to, newName }: MovePlan): void {
    const move = (): void => renameAt(from, name, to, newName);
    try {
      move();
      return;
    } catch (error) {
      if (!isErrno(error, 'ENOTEMPTY', 'EEXIST')) throw error;
    }
    const nothing = (): void => {};
    this.hideDuring(to, newName, () => moveOverEmptied(this.work, to, newName, nothing, move));
    // The moved directory is opaque itself, so the whiteout beside it is not needed.
    afterwards(() => removeWhiteout(to, newName));
  }

  /**
   * Creates the whiteout of `name`, then runs `change`, which removes the upper entry. Removes the whiteout
   * if `change` fails.
   */
  private hideDuring(upper: number, name: EntryName, change: () => void): void {
    const undo = new UndoStack();
    undo.guard(() => {
      if (this.markers.whiteout(upper, name)) undo.push(() => unlinkAt(upper, whiteoutOf(name)));
      change();
    });
  }

  /** Moves the directory to the work directory in one step. It is emptied there. */
  private moveToWork(upper: number, name: EntryName, staged: EntryName): void {
    const stat = new FileStat();
    statAt(upper, name, stat);
    withPermissionsToMove(upper, name, stat.mode, () => renameAt(upper, name, this.work.fd, staged));
  }
}
