/**
 * The aufs dialect, as aufs reads and writes it: what is the same for all branches (aufs(5),
 * fs/aufs/dentry.c).
 */
import type { EntryName } from '../../core/brand.js';
import { Errno } from '../../core/errno.js';
import { MAX_NAME, WHITEOUT_PREFIX } from '../aufs-names.js';
import type { Dialect, DirectoryParts } from '../dialect.js';
import type { XattrNamespace } from '../overlay/overlay-dialect.js';
import { AufsPseudoLinks } from './aufs-pseudo-links.js';

export interface AufsDialectSettings {
  /** The namespace of private xattrs. */
  readonly xattrs: XattrNamespace;
  /** New directories are opaque even if no lower branch has their name: `diropq=always`. */
  readonly alwaysOpaque: boolean;
}

export class AufsDialect implements Dialect {
  readonly name = 'aufs';
  readonly maxName = MAX_NAME;
  readonly whiteoutTakesName = false;
  /** aufs sets the real flags on copies. */
  readonly protections = null;
  /** aufs has redirects only with `dirren`, in a format of its own. */
  readonly redirects = null;
  readonly metacopies = null;
  readonly origins = null;
  readonly opaqueMarks: Dialect['opaqueMarks'];
  /** The only private xattr, of copies in the pseudo-link directory. aufs itself has none. */
  private readonly originXattr: string;

  constructor({ xattrs, alwaysOpaque }: AufsDialectSettings) {
    this.originXattr = new AufsPseudoLinks(xattrs).originXattr;
    this.opaqueMarks = alwaysOpaque ? 'always' : 'needed';
  }

  refuseName(name: EntryName): number {
    return name.startsWith(WHITEOUT_PREFIX) ? Errno.EPERM : 0;
  }

  /** Only names are reserved. Device 0:0 is an ordinary device. */
  refuseCreate(): number {
    return 0;
  }

  /**
   * Allows the three cases of fs/aufs/i_op_ren.c:may_rename_srcdir: an empty directory that the upper does
   * not have; one that no lower branch has; one whose lower parts contain nothing, not even a whiteout.
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
