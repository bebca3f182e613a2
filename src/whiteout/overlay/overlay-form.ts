/** Reads and writes whole layers in the overlay dialect, to convert them. */
import type { EntryName } from '../../core/brand.js';
import { isDirectory, isRegular, S_IFCHR } from '../../core/file-mode.js';
import { XATTR_NAME_MAX } from '../../core/xattr-names.js';
import { mknodAt } from '../../sys/files/inode-ops.js';
import { findXattr, setXattr } from '../../sys/files/xattr.js';
import type { LayerDirectorySink } from '../dialect.js';
import type { LayerObject, LayerSource, LayerTarget, RootProblem } from '../layer-form.js';
import { isOpaqueMark, SET } from './opaque-mark.js';
import { FOREIGN_OPAQUE, isWhiteout, OverlayDialect, type XattrNamespace } from './overlay-dialect.js';

/** Names the path from which fuse-overlayfs 1.x has copied an object up. */
const FOREIGN_ORIGIN = 'user.fuseoverlayfs.origin';

export class OverlaySource implements LayerSource {
  readonly name: LayerSource['name'] = 'overlay';
  private readonly dialects: readonly OverlayDialect[];
  private readonly seen = new Set<XattrNamespace>();

  /** @param namespaces both, if the layer can have either; a layer that has both is refused */
  constructor(private readonly namespaces: readonly XattrNamespace[]) {
    this.dialects = namespaces.map((namespace) => new OverlayDialect(namespace));
  }

  list(dirfd: number, sink: LayerDirectorySink): void {
    this.dialects[0]?.list(dirfd, sink);
  }

  /** An empty file with a mark (Linux 6.7) is the whiteout of a file system without devices. */
  isWhiteout({ stat, xattrs }: LayerObject): boolean {
    if (!isRegular(stat.mode) || stat.size !== 0) return false;
    return this.dialects.some(({ whiteoutXattr }) => xattrs.includes(whiteoutXattr));
  }

  isOpaque({ dirfd, name, xattrs }: LayerObject): boolean {
    const marks = this.dialects.map(({ opaqueXattr }) => opaqueXattr);
    return [...marks, FOREIGN_OPAQUE].some((mark) => xattrs.includes(mark) && hasOpaqueMark(dirfd, name, mark));
  }

  problem({ xattrs }: LayerObject): string | null {
    const feature = this.dialects.flatMap((dialect) => dialect.incompleteAmong(xattrs))[0];
    if (feature !== undefined) {
      return `part of it is in another layer (${feature}: written with metacopy=on or redirect_dir=on)`;
    }
    const protection = this.dialects.find(({ protectionXattr }) => xattrs.includes(protectionXattr));
    if (protection !== undefined) {
      return `immutable or append-only for the kernel's overlay alone (${protection.protectionXattr})`;
    }
    return this.namespaces.length > 1 ? this.oneNamespaceOnly(xattrs) : null;
  }

  private oneNamespaceOnly(xattrs: readonly string[]): string | null {
    this.dialects.forEach((dialect, i) => {
      const namespace = this.namespaces[i];
      if (namespace !== undefined && xattrs.some((xattr) => dialect.isOverlayXattr(xattr))) this.seen.add(namespace);
    });
    if (this.seen.size < 2) return null;
    this.seen.clear();
    return 'the layer has marks in both trusted.overlay. and user.overlay.; name its own with --xattrs';
  }

  rootProblem(_root: number): RootProblem | null {
    return null;
  }

  whiteoutProblem(_dirfd: number, _name: EntryName): string | null {
    return null;
  }

  xattrShown(name: string): string | null {
    if (name === FOREIGN_OPAQUE || name === FOREIGN_ORIGIN) return null;
    let shown: string | null = name;
    for (const dialect of this.dialects) if (shown === name) shown = dialect.xattrShown(name);
    return shown;
  }
}

export class OverlayTarget implements LayerTarget {
  readonly name = 'overlay';
  private readonly dialect: OverlayDialect;

  constructor(namespace: XattrNamespace) {
    this.dialect = new OverlayDialect(namespace);
  }

  problem({ stat, xattrs }: LayerObject): string | null {
    if (isWhiteout(stat)) {
      return 'a character device 0:0, which overlay takes for a whiteout (one of fuse-overlayfs? see --from)';
    }
    const long = xattrs.find((xattr) => this.dialect.xattrOnDisk(xattr).length > XATTR_NAME_MAX);
    return long === undefined ? null : `the name of its attribute ${long} would become too long`;
  }

  whiteoutProblem(): null {
    return null;
  }

  ownMark({ dirfd, name, stat, xattrs }: LayerObject): string | null {
    const { opaqueXattr } = this.dialect;
    const marked = isDirectory(stat.mode) && xattrs.includes(opaqueXattr) && hasOpaqueMark(dirfd, name, opaqueXattr);
    return marked ? `an opaque directory of an overlay (${opaqueXattr})` : null;
  }

  xattrOnDisk(name: string): string {
    return this.dialect.xattrOnDisk(name);
  }

  prepare(): void {}

  hide(dirfd: number, name: EntryName): void {
    mknodAt(dirfd, name, S_IFCHR, 0);
  }

  markOpaque(dirfd: number): void {
    setXattr(dirfd, '', this.dialect.opaqueXattr, SET);
  }
}

function hasOpaqueMark(dirfd: number, name: string, xattr: string): boolean {
  return isOpaqueMark(findXattr(dirfd, name, xattr));
}
