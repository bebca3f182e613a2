/** The aufs dialect, as aufs reads and writes it: what holds for all branches (aufs(5), fs/aufs/dentry.c). */
import type { EntryName } from '../../core/brand.js';
import { Errno } from '../../core/errno.js';
import { MAX_NAME, WHITEOUT_PREFIX } from '../aufs-names.js';
import type { Dialect, DirectoryParts } from '../dialect.js';
import type { XattrNamespace } from '../overlay/overlay-dialect.js';
import { aufsPseudoLinks } from './aufs-pseudo-links.js';

export interface AufsDialectSettings {
  /** Where private xattrs can be had. */
  readonly xattrs: XattrNamespace;
  /** New directories are opaque even when nothing lies below them: `diropq=always`. */
  readonly alwaysOpaque: boolean;
}

export class AufsDialect implements Dialect {
  readonly name = 'aufs';
  readonly maxName = MAX_NAME;
  readonly whiteoutTakesName = false;
  /** aufs has them with `dirren` only, in a form of its own. */
  /** As in aufs, which gives copies the flags themselves. */
  readonly protections = null;
  readonly redirects = null;
  readonly metacopies = null;
  readonly origins = null;
  readonly opaqueMarks: Dialect['opaqueMarks'];
  /** The one private xattr: of copies that wait for the end of a mount. aufs itself has none. */
  private readonly originXattr: string;

  constructor({ xattrs, alwaysOpaque }: AufsDialectSettings) {
    this.originXattr = aufsPseudoLinks(xattrs).originXattr;
    this.opaqueMarks = alwaysOpaque ? 'always' : 'needed';
  }

  refuseName(name: EntryName): number {
    return name.startsWith(WHITEOUT_PREFIX) ? Errno.EPERM : 0;
  }

  /** What is refused is refused by its name alone: device 0:0 is a device like any other. */
  refuseCreate(): number {
    return 0;
  }

  /**
   * The three cases of fs/aufs/i_op_ren.c:may_rename_srcdir: an empty directory, wherever it lies; one that
   * no lower branch has; one whose lower parts hold nothing, not even a whiteout.
   */
  mayMove(directory: DirectoryParts): boolean {
    if (!directory.inUpper) return directory.isEmpty();
    return !directory.inLower || directory.lowersAreBare();
  }

  xattrOnDisk(name: string): string {
    return name;
  }

  xattrShown(name: string): string | null {
    return name === this.originXattr ? null : name;
  }

  isPrivateXattr(name: string): boolean {
    return name === this.originXattr;
  }
}
