/**
 * Changes of an rw branch in the aufs dialect. Each takes several steps, in the order that aufs has them
 * (i_op_add.c, i_op_del.c, i_op_ren.c): a whiteout comes before what it hides goes, and goes after what it
 * hid has come. In between a name and its whiteout stand side by side, where the name counts (see
 * `aufs-reader.ts`), so that each state shows the tree as before or as after.
 */
import type { EntryName } from '../../core/brand.js';
import { isErrno } from '../../core/errno.js';
import { FileStat } from '../../core/file-stat.js';
import { RENAME_NOREPLACE } from '../../core/flags.js';
import { afterwards, UndoStack } from '../../core/undo.js';
import { renameAt, unlinkAt, utimesFd } from '../../sys/files/inode-ops.js';
import { statAt, statFd } from '../../sys/files/stat.js';
import { withWriteInto, withWriteToMove } from '../../sys/rights/owner-permission.js';
import { whiteoutOf } from '../aufs-names.js';
import type { Hiding, MovePlan } from '../dialect.js';
import { movingOverEmptied, removedEmpty } from '../work/clone-directory.js';
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
    this.hiding(upper, name, () => unlinkAt(upper, name));
  }

  removeDirectory(upper: number, name: EntryName, hide: boolean): void {
    if (!hide && removedEmpty(upper, name)) return;
    const staged = this.work.temporaryName();
    if (hide) this.hiding(upper, name, () => this.takeAway(upper, name, staged));
    else this.takeAway(upper, name, staged);
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
      withWriteInto(fd, stat.mode, () => this.markers.opaque(fd));
      // Nothing has changed in the directory as an application sees it. It is opaque with other times, too.
      afterwards(() =>
        utimesFd(fd, { sec: stat.atimeSec, nsec: stat.atimeNsec }, { sec: stat.mtimeSec, nsec: stat.mtimeNsec }),
      );
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

  /** Prepares everything anew each time. */
  close(): void {}

  private moveOntoWhiteout({ from, name, to, newName }: MovePlan, undo: UndoStack): void {
    renameAt(from, name, to, newName);
    undo.push(() => renameAt(to, newName, from, name));
    removeWhiteout(to, newName);
  }

  /**
   * Perhaps over a directory, which shows nothing but may hold whiteouts. A marker inside would keep it from
   * being replaced, so while it is empty it is made opaque by a whiteout beside it.
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
    this.hiding(to, newName, () => movingOverEmptied(this.work, to, newName, nothing, move));
    // Beside the directory, which is opaque, it hides nothing more.
    afterwards(() => removeWhiteout(to, newName));
  }

  /**
   * Runs `change` after `name` was hidden for when the upper no longer has it; if that fails, reveals it
   * again.
   */
  private hiding(upper: number, name: EntryName, change: () => void): void {
    const undo = new UndoStack();
    undo.guard(() => {
      if (this.markers.whiteout(upper, name)) undo.push(() => unlinkAt(upper, whiteoutOf(name)));
      change();
    });
  }

  /** The directory goes in one step, to be emptied out of sight. */
  private takeAway(upper: number, name: EntryName, staged: EntryName): void {
    const stat = new FileStat();
    statAt(upper, name, stat);
    withWriteToMove(upper, name, stat.mode, () => renameAt(upper, name, this.work.fd, staged));
  }
}
