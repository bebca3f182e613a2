/**
 * Changes of an upper layer in the overlay dialect. Each change is one atomic rename, or several steps after
 * each of which the merged tree is as before or as after the change (fs/overlayfs/dir.c).
 */
import type { EntryName } from '../../core/brand.js';
import { Errno, fsError, isErrno } from '../../core/errno.js';
import { S_IFCHR } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { O_CREAT, O_EXCL, O_RDWR, RENAME_EXCHANGE, RENAME_WHITEOUT } from '../../core/flags.js';
import { UndoStack } from '../../core/undo.js';
import { mknodAt, renameAt, tryLinkAt, unlinkAt } from '../../sys/files/inode-ops.js';
import { close, openAt } from '../../sys/files/open.js';
import { statAt } from '../../sys/files/stat.js';
import { findXattr, setXattr } from '../../sys/files/xattr.js';
import { withPermissionsToMove, withWritePermission } from '../../sys/rights/owner-permission.js';
import type { Hiding, MovePlan } from '../dialect.js';
import { moveOverEmptied, removeIfEmpty } from '../work/clone-directory.js';
import type { WorkDirectory } from '../work/work-directory.js';
import { MAY_HAVE_XATTR_WHITEOUTS, SET } from './opaque-mark.js';
import type { OverlayDialect } from './overlay-dialect.js';

export class OverlayHiding implements Hiding {
  /** A whiteout in the work directory, to which the other whiteouts of this mount are hard links. */
  private sharedWhiteout: EntryName | null = null;
  /** Whether whiteouts can be devices; undefined: not known yet. */
  private makesDevices: boolean | undefined;

  constructor(
    private readonly work: WorkDirectory,
    private readonly dialect: OverlayDialect,
  ) {}

  hide(upper: number, name: EntryName): void {
    this.prepareToHide(upper);
    this.linkWhiteout(upper, name);
  }

  removeAndHide(upper: number, name: EntryName): void {
    this.prepareToHide(upper);
    const staged = this.stageWhiteout();
    this.discardOnFailure(staged, () => renameAt(this.work.fd, staged, upper, name));
  }

  removeDirectory(upper: number, name: EntryName, hide: boolean): void {
    if (!hide && removeIfEmpty(upper, name)) return;
    if (hide) this.prepareToHide(upper);
    const staged = hide ? this.stageWhiteout() : this.work.temporaryName();
    const stat = new FileStat();
    statAt(upper, name, stat);
    withPermissionsToMove(upper, name, stat.mode, () => {
      if (hide) this.discardOnFailure(staged, () => renameAt(this.work.fd, staged, upper, name, RENAME_EXCHANGE));
      else renameAt(upper, name, this.work.fd, staged);
    });
    this.work.discard(staged);
  }

  publishOverWhiteout(staged: string, upper: number, name: EntryName, isDirectory: boolean): void {
    if (!isDirectory) {
      renameAt(this.work.fd, staged, upper, name);
      return;
    }
    renameAt(this.work.fd, staged, upper, name, RENAME_EXCHANGE);
    this.work.discard(staged);
  }

  markOpaque(dirfd: number, name: string): void {
    withWritePermission(dirfd, name, () => setXattr(dirfd, name, this.dialect.opaqueXattr, SET));
  }

  move(plan: MovePlan): void {
    try {
      this.moveOnto(plan);
      return;
    } catch (error) {
      // The target directory is empty in the union, but contains whiteouts.
      if (!plan.isDirectory || !isErrno(error, 'ENOTEMPTY', 'EEXIST')) throw error;
    }
    moveOverEmptied(
      this.work,
      plan.to,
      plan.newName,
      (staged) => this.markStandIn(staged),
      () => this.moveOnto(plan),
    );
  }

  close(): void {
    if (this.sharedWhiteout !== null) this.work.discard(this.sharedWhiteout);
    this.sharedWhiteout = null;
  }

  /**
   * Marks as opaque the empty directory that has the target's name until the move replaces it. Without the
   * mark, that directory would show the contents of lower directories.
   */
  private markStandIn(staged: EntryName): void {
    try {
      this.markOpaque(this.work.fd, staged);
    } catch (error) {
      // The upper has no xattrs. So the moved directory has no opaque mark either, which means that no layer
      // below has anything at this name.
      if (!isErrno(error, 'EOPNOTSUPP')) throw error;
    }
  }

  private moveOnto(plan: MovePlan): void {
    const { from, name, to, newName } = plan;
    if (plan.hideSource) this.prepareToHide(from);
    if (plan.ontoWhiteout && (plan.hideSource || plan.isDirectory)) {
      // Exchanges the object and the whiteout. At the old name the whiteout is either needed or removed.
      const undo = new UndoStack();
      undo.guard(() => {
        renameAt(from, name, to, newName, RENAME_EXCHANGE);
        undo.push(() => renameAt(from, name, to, newName, RENAME_EXCHANGE));
        if (!plan.hideSource) unlinkAt(from, name);
      });
      return;
    }
    if (!plan.hideSource) {
      renameAt(from, name, to, newName);
      return;
    }
    try {
      renameAt(from, name, to, newName, RENAME_WHITEOUT);
    } catch (error) {
      // The file system has no RENAME_WHITEOUT (EINVAL), or no devices (EPERM). A crash between the two steps
      // shows the old lower object again. In the other order, a crash would lose the upper object.
      if (!isErrno(error, 'EINVAL', 'EPERM')) throw error;
      this.moveThenHide(plan);
    }
  }

  private moveThenHide({ from, name, to, newName }: MovePlan): void {
    const staged = this.stageWhiteout();
    const undo = new UndoStack();
    undo.push(() => this.work.discard(staged));
    undo.guard(() => {
      renameAt(from, name, to, newName);
      undo.push(() => renameAt(to, newName, from, name));
      renameAt(this.work.fd, staged, from, name);
    });
  }

  private stageWhiteout(): EntryName {
    const staged = this.work.temporaryName();
    this.linkWhiteout(this.work.fd, staged);
    return staged;
  }

  /**
   * Creates a whiteout at a free name. All whiteouts are links of one inode until linking fails with EMLINK.
   */
  private linkWhiteout(dirfd: number, name: EntryName): void {
    if (this.sharedWhiteout !== null) {
      const result = tryLinkAt(this.work.fd, this.sharedWhiteout, dirfd, name);
      if (result === 0) return;
      // EMLINK: the inode cannot have more links. ENOENT: a second mount of this work directory has emptied
      // it. EPERM: the file system has no hard links (vfat), or protects them.
      if (result !== -Errno.EMLINK && result !== -Errno.ENOENT && result !== -Errno.EPERM) {
        throw fsError(-result, 'linkat');
      }
      if (result === -Errno.EPERM) {
        this.makeWhiteout(dirfd, name);
        return;
      }
      this.work.discard(this.sharedWhiteout);
    }
    const result = tryLinkAt(this.work.fd, this.newSource(), dirfd, name);
    if (result === -Errno.EPERM) this.makeWhiteout(dirfd, name);
    else if (result < 0) throw fsError(-result, 'linkat');
  }

  private newSource(): EntryName {
    const source = this.work.temporaryName();
    this.makeWhiteout(this.work.fd, source);
    this.sharedWhiteout = source;
    return source;
  }

  /**
   * Creates a device. If that is not possible, as on another overlay (EPERM even for root), creates an empty
   * file with an xattr, which the kernel's overlayfs also reads as a whiteout
   * (fs/overlayfs/util.c:ovl_path_check_xwhiteout_xattr).
   */
  private makeWhiteout(dirfd: number, name: EntryName): void {
    if (this.makesDevices !== false) {
      try {
        mknodAt(dirfd, name, S_IFCHR, 0);
        this.makesDevices = true;
        return;
      } catch (error) {
        if (this.makesDevices === true || !isErrno(error, 'EPERM')) throw error;
      }
    }
    close(openAt(dirfd, name, O_CREAT | O_EXCL | O_RDWR, 0o600));
    try {
      setXattr(dirfd, name, this.dialect.whiteoutXattr, Buffer.alloc(0));
    } catch (error) {
      unlinkAt(dirfd, name);
      throw error;
    }
    this.makesDevices = false;
  }

  /**
   * Marks the directory `dirfd` before it gets a whiteout that is a file with an xattr. Without the mark,
   * such a whiteout is listed as a file.
   */
  private prepareToHide(dirfd: number): void {
    if (this.makesDevices === undefined) this.newSource();
    if (this.makesDevices === true || findXattr(dirfd, '', this.dialect.opaqueXattr) !== null) return;
    setXattr(dirfd, '', this.dialect.opaqueXattr, MAY_HAVE_XATTR_WHITEOUTS);
  }

  private discardOnFailure(staged: string, body: () => void): void {
    try {
      body();
    } catch (error) {
      this.work.discard(staged);
      throw error;
    }
  }
}
