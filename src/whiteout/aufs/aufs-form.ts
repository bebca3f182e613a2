/**
 * Converts whole layers: reads and writes the aufs dialect, and reads layers with marks of both dialects.
 */
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
 * Reads a branch of aufs. The content of the layer does not include aufs's own entries in the root.
 * Pseudo-links must have been flushed to hard links.
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
 * Reads a layer that fuse-overlayfs, or a container tool for it, has written: with marks of both dialects,
 * often side by side. An entry beside its whiteout is shown, as in {@link AufsReader}.
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
 * Refuses pseudo-links that were not flushed. Such an entry can be the only name of a changed file in this
 * layer. Its other names are still in lower layers. They become hard links of it at unmount.
 */
function pseudoLinks(root: number): RootProblem | null {
  const stat = new FileStat();
  if (!statAt(root, PLINK_DIRECTORY, stat) || !isDirectory(stat.mode) || !hasPseudoLinks(root)) return null;
  const why =
    'pseudo-links that were not flushed; mount the layer once with -t aufs over its lower layers, and unmount it with plyfs umount';
  return { name: PLINK_DIRECTORY as EntryName, why };
}

/**
 * Why `.wh.NAME` is not a valid whiteout; null: it is, or the whiteout is a device, which is always valid.
 */
function markerProblem(dirfd: number, name: EntryName): string | null {
  if (name === '.' || name === '..') return 'it hides no name';
  try {
    hasWhiteout(dirfd, name);
    return null;
  } catch (error) {
    if (!isErrno(error, 'EIO')) throw error;
    return 'it is not a regular file, as aufs requires';
  }
}

/**
 * Writes an aufs layer. The file `.wh..wh.aufs`, of which all whiteouts are links, and the directories for
 * pseudo-links and orphans stay in the root, as in every layer that was a writable branch once. So all
 * whiteouts are one inode, and the next writable mount continues with it. Neither a union's listing nor a
 * layer's tar shows these entries.
 */
export class AufsTarget implements LayerTarget {
  readonly name = 'aufs';
  private markers: MarkerMaker | null = null;

  problem({ name }: LayerObject): string | null {
    if (name.startsWith(WHITEOUT_PREFIX)) {
      return 'aufs reserves names that start with .wh. (a whiteout of fuse-overlayfs? see --from)';
    }
    return tooLong(name);
  }

  whiteoutProblem(name: EntryName): string | null {
    return name.startsWith(WHITEOUT_PREFIX) ? 'aufs reserves names that start with .wh.' : tooLong(name);
  }

  ownMark(): null {
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
