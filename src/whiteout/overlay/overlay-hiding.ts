/**
 * Changes of an upper layer in the overlay dialect. Each is one atomic rename, or an order of steps in which
 * every state in between shows the same merged tree as before or after (fs/overlayfs/dir.c).
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
import { withWriteOn, withWriteToMove } from '../../sys/rights/owner-permission.js';
import type { Hiding, MovePlan } from '../dialect.js';
import { movingOverEmptied, removedEmpty } from '../work/clone-directory.js';
import type { WorkDirectory } from '../work/work-directory.js';
import type { OverlayDialect } from './overlay-dialect.js';

const YES = Buffer.from('y');
/** In the place of {@link YES}: the directory is not opaque, but holds whiteouts that are attributes. */
const MAY_HAVE_XATTR_WHITEOUTS = Buffer.from('x');

export class OverlayHiding implements Hiding {
  /** A whiteout kept in the work directory; the others of this mount are hard links to it. */
  private source: EntryName | null = null;
  /** Whether a whiteout is a device; undefined: not known yet. */
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
    this.orDiscard(staged, () => renameAt(this.work.fd, staged, upper, name));
  }

  removeDirectory(upper: number, name: EntryName, hide: boolean): void {
    if (!hide && removedEmpty(upper, name)) return;
    if (hide) this.prepareToHide(upper);
    const staged = hide ? this.stageWhiteout() : this.work.temporaryName();
    const stat = new FileStat();
    statAt(upper, name, stat);
    withWriteToMove(upper, name, stat.mode, () => {
      if (hide) this.orDiscard(staged, () => renameAt(this.work.fd, staged, upper, name, RENAME_EXCHANGE));
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
    withWriteOn(dirfd, name, () => setXattr(dirfd, name, this.dialect.opaqueXattr, YES));
  }

  move(plan: MovePlan): void {
    try {
      this.moveOnto(plan);
      return;
    } catch (error) {
      // The target directory is empty as far as anybody sees, but whiteouts lie in it.
      if (!plan.isDirectory || !isErrno(error, 'ENOTEMPTY', 'EEXIST')) throw error;
    }
    movingOverEmptied(
      this.work,
      plan.to,
      plan.newName,
      (staged) => this.closeEmptied(staged),
      () => this.moveOnto(plan),
    );
  }

  close(): void {
    if (this.source !== null) this.work.discard(this.source);
    this.source = null;
  }

  /**
   * Marks the empty directory that stands in for an emptied one until the move replaces it: nothing below may
   * show in it.
   */
  private closeEmptied(staged: EntryName): void {
    try {
      this.markOpaque(this.work.fd, staged);
    } catch (error) {
      // An upper without xattrs: the moved directory has no opaque mark either, so there is nothing below
      // this name to hide.
      if (!isErrno(error, 'EOPNOTSUPP')) throw error;
    }
  }

  private moveOnto(plan: MovePlan): void {
    const { from, name, to, newName } = plan;
    if (plan.hideSource) this.prepareToHide(from);
    if (plan.ontoWhiteout && (plan.hideSource || plan.isDirectory)) {
      // The whiteout changes places with the object; at the old name it is wanted, or removed.
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
      // A file system without RENAME_WHITEOUT, or without devices (EPERM): in this order a crash in between
      // shows an old lower object again; in the other order it would lose the upper one.
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

  /** Puts a whiteout at a free name. One inode serves them all until the file system says EMLINK. */
  private linkWhiteout(dirfd: number, name: EntryName): void {
    if (this.source !== null) {
      const result = tryLinkAt(this.work.fd, this.source, dirfd, name);
      if (result === 0) return;
      // EMLINK: the inode is used up. ENOENT: a second mount of this work directory has cleaned it.
      // EPERM: a file system without hard links (vfat), or protected ones.
      if (result !== -Errno.EMLINK && result !== -Errno.ENOENT && result !== -Errno.EPERM) {
        throw fsError(-result, 'linkat');
      }
      if (result === -Errno.EPERM) {
        this.makeWhiteout(dirfd, name);
        return;
      }
      this.work.discard(this.source);
    }
    const result = tryLinkAt(this.work.fd, this.newSource(), dirfd, name);
    if (result === -Errno.EPERM) this.makeWhiteout(dirfd, name);
    else if (result < 0) throw fsError(-result, 'linkat');
  }

  private newSource(): EntryName {
    const source = this.work.temporaryName();
    this.makeWhiteout(this.work.fd, source);
    this.source = source;
    return source;
  }

  /**
   * A device; where none can be made, such as on another overlay (EPERM, whoever asks), an empty file with an
   * attribute, which the kernel's overlayfs reads as well
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
   * Before a whiteout comes into the directory `dirfd`: one that is an attribute is listed as a file, unless
   * the directory says so.
   */
  private prepareToHide(dirfd: number): void {
    if (this.makesDevices === undefined) this.newSource();
    if (this.makesDevices === true || findXattr(dirfd, '', this.dialect.opaqueXattr) !== null) return;
    setXattr(dirfd, '', this.dialect.opaqueXattr, MAY_HAVE_XATTR_WHITEOUTS);
  }

  private orDiscard(staged: string, body: () => void): void {
    try {
      body();
    } catch (error) {
      this.work.discard(staged);
      throw error;
    }
  }
}
