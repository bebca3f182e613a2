/** Layers of the aufs dialect, read and written as a whole, and those that mix both dialects. */
import type { EntryName } from '../../core/brand.js';
import { isErrno } from '../../core/errno.js';
import { isDirectory } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { statAt } from '../../sys/files/stat.js';
import { hiddenBy, MAX_NAME, PLINK_DIRECTORY, WHITEOUT_PREFIX } from '../aufs-names.js';
import type { LayerDirectorySink } from '../dialect.js';
import type { LayerObject, LayerSource, LayerTarget, RootProblem } from '../layer-form.js';
import { OverlaySource } from '../overlay/overlay-form.js';
import { hasPseudoLinks, prepareBranch } from './aufs-branch.js';
import { hasOpaqueMarker, hasWhiteout, MarkerMaker } from './aufs-marks.js';
import { AufsReader } from './aufs-reader.js';

/**
 * What aufs keeps in a branch's root is not content and is not listed; pseudo-links must have become hard
 * links.
 */
export class AufsSource implements LayerSource {
  readonly name = 'aufs';
  private readonly reader = new AufsReader('ro+wh');

  list(dirfd: number, sink: LayerDirectorySink): void {
    this.reader.list(dirfd, sink);
  }

  isWhiteout(): boolean {
    return false;
  }

  isOpaque({ dirfd, name }: LayerObject): boolean {
    return this.reader.isOpaque(dirfd, name);
  }

  problem(): null {
    return null;
  }

  rootProblem(root: number): RootProblem | null {
    return pseudoLinks(root);
  }

  whiteoutProblem(dirfd: number, name: EntryName): string | null {
    return markerProblem(dirfd, name);
  }

  xattrShown(name: string): string {
    return name;
  }
}

/**
 * A layer that fuse-overlayfs has written, or a container tool for it: the marks of both dialects, often one
 * beside the other. An entry beside its whiteout shows, as in {@link AufsReader}.
 */
export class FuseOverlayfsSource extends OverlaySource {
  override readonly name = 'fuse-overlayfs';

  override list(dirfd: number, sink: LayerDirectorySink): void {
    super.list(dirfd, {
      entry: (name, ino, type) => {
        if (!name.startsWith(WHITEOUT_PREFIX)) sink.entry(name, ino, type);
        const hidden = hiddenBy(name);
        if (hidden !== null) sink.whiteout(hidden);
      },
      whiteout: (name) => sink.whiteout(name),
    });
  }

  override isOpaque(directory: LayerObject): boolean {
    const { dirfd, name } = directory;
    return super.isOpaque(directory) || hasWhiteout(dirfd, name) || hasOpaqueMarker(dirfd, name);
  }

  override rootProblem(root: number): RootProblem | null {
    return pseudoLinks(root);
  }

  override whiteoutProblem(dirfd: number, name: EntryName): string | null {
    return markerProblem(dirfd, name);
  }
}

/**
 * An entry may be the only name of a changed file: the names that show it are in lower layers, and become
 * links when the union is unmounted.
 */
function pseudoLinks(root: number): RootProblem | null {
  const stat = new FileStat();
  if (!statAt(root, PLINK_DIRECTORY, stat) || !isDirectory(stat.mode) || !hasPseudoLinks(root)) return null;
  const why =
    'pseudo-links that are not settled; mount it once with -t aufs over its lower layers and unmount it with plyfs umount';
  return { name: PLINK_DIRECTORY as EntryName, why };
}

/**
 * Why the whiteout of `name` cannot be read; it may be one of the other dialect, which has no such problem.
 */
function markerProblem(dirfd: number, name: EntryName): string | null {
  if (name === '.' || name === '..') return 'it hides no name';
  try {
    hasWhiteout(dirfd, name);
    return null;
  } catch (error) {
    if (!isErrno(error, 'EIO')) throw error;
    return 'it is not a regular file, as it would have to be in aufs';
  }
}

/**
 * Leaves the base of the whiteouts and the two directories in the root, as every layer has them that was a
 * writable branch once: all whiteouts are one inode, the next writable mount goes on with it, and neither a
 * union's listing nor a layer's tar shows any of it.
 */
export class AufsTarget implements LayerTarget {
  readonly name = 'aufs';
  private markers: MarkerMaker | null = null;

  problem({ name }: LayerObject): string | null {
    if (name.startsWith(WHITEOUT_PREFIX)) {
      return 'aufs keeps names that start with .wh. for itself (a whiteout of fuse-overlayfs? see --from)';
    }
    return tooLong(name);
  }

  whiteoutProblem(name: EntryName): string | null {
    return name.startsWith(WHITEOUT_PREFIX) ? 'aufs keeps names that start with .wh. for itself' : tooLong(name);
  }

  likeness(): null {
    return null;
  }

  xattrOnDisk(name: string): string {
    return name;
  }

  prepare(root: number): void {
    prepareBranch(root);
    this.markers = new MarkerMaker(root, true);
  }

  hide(dirfd: number, name: EntryName): void {
    this.markers?.whiteout(dirfd, name);
  }

  markOpaque(dirfd: number): void {
    this.markers?.opaque(dirfd);
  }
}

function tooLong(name: EntryName): string | null {
  return name.length > MAX_NAME ? `a name of ${name.length} bytes, and aufs has at most ${MAX_NAME}` : null;
}
