/**
 * Reads lower layers of the overlay dialect that also have whiteouts in the format of aufs. OCI tars contain
 * `.wh.NAME` and `.wh..wh..opq`, Docker and podman unpack them for fuse-overlayfs, and fuse-overlayfs writes
 * them itself. The rule of OCI layers applies: a whiteout hides entries of the layers below, never an entry
 * beside it. As in fuse-overlayfs, only the name counts, not the type of the object. No object with such a
 * name is shown, so aufs's own directories in the root of a branch are hidden too.
 */
import type { EntryName } from '../../core/brand.js';
import { Errno, fsError, isErrno } from '../../core/errno.js';
import { FileStat } from '../../core/file-stat.js';
import { O_PATH } from '../../core/flags.js';
import { close, tryOpenBeneath } from '../../sys/files/open.js';
import { readDirectory } from '../../sys/files/read-directory.js';
import { statAt } from '../../sys/files/stat.js';
import { hiddenBy, OPAQUE_MARKER, WHITEOUT_PREFIX, whiteoutOf } from '../aufs-names.js';
import type { DirectoryMemory, LayerDirectorySink, LayerReader, MarkerFiles, NameInLayer } from '../dialect.js';
import type { Marks } from '../marks.js';
import type { OverlayDialect } from '../overlay/overlay-dialect.js';

/**
 * After this number of misses a directory is listed once. A miss costs a system call before the listing, and
 * nothing after it.
 */
const MISSES = 8;

/**
 * Errnos that mean that a directory has no opaque marker. EACCES: the directory cannot be searched, so that
 * nothing in it is visible anyway.
 */
const NO_MARKER: ReadonlySet<number> = new Set([Errno.ENOENT, Errno.ENOTDIR, Errno.ELOOP, Errno.EACCES]);

const scratch = new FileStat();

export class OverlayLowerReader implements LayerReader, MarkerFiles {
  readonly markerFiles = this;

  constructor(private readonly overlay: OverlayDialect) {}

  probe(dirfd: number, name: EntryName, into: FileStat): NameInLayer {
    return name.startsWith(WHITEOUT_PREFIX) ? 'absent' : this.overlay.probe(dirfd, name, into);
  }

  list(dirfd: number, sink: LayerDirectorySink, memory?: DirectoryMemory): void {
    const hidden = new Set<EntryName>();
    this.overlay.list(dirfd, {
      whiteout: (name) => sink.whiteout(name),
      entry: (name, ino, type) => {
        if (name.startsWith(WHITEOUT_PREFIX)) note(hidden, name);
        else sink.entry(name, ino, type);
      },
    });
    for (const name of hidden) sink.whiteout(name);
    if (memory !== undefined) memory.hidden = hidden.size === 0 ? null : hidden;
  }

  marks(dirfd: number, name: string): Marks {
    return this.overlay.marks(dirfd, name);
  }

  hides(dirfd: number, name: EntryName, memory: DirectoryMemory): boolean {
    if (memory.hidden === undefined && ++memory.misses > MISSES) learn(dirfd, memory);
    if (memory.hidden !== undefined) return memory.hidden?.has(name) === true;
    return statAt(dirfd, whiteoutOf(name), scratch);
  }

  hasOpaqueMarker(dirfd: number, name: EntryName): boolean {
    const fd = tryOpenBeneath(dirfd, `${name}/${OPAQUE_MARKER}`, O_PATH);
    if (fd >= 0) {
      close(fd);
      return true;
    }
    if (NO_MARKER.has(-fd)) return false;
    throw fsError(-fd, 'openat2');
  }
}

function note(hidden: Set<EntryName>, marker: EntryName): void {
  const name = hiddenBy(marker);
  if (name !== null) hidden.add(name);
}

/** Lists the directory to find the names that it hides. */
function learn(dirfd: number, memory: DirectoryMemory): void {
  const hidden = new Set<EntryName>();
  try {
    readDirectory(dirfd, (name) => {
      if (name.startsWith(WHITEOUT_PREFIX)) note(hidden, name);
    });
  } catch (error) {
    // The directory can be searched but not listed, so each lookup keeps asking for a marker.
    if (!isErrno(error, 'EBADF')) throw error;
    memory.misses = Number.NEGATIVE_INFINITY;
    return;
  }
  memory.hidden = hidden.size === 0 ? null : hidden;
}
