/**
 * Reads one branch of an aufs union. If a branch has both an entry and its whiteout, the entry is shown, and
 * the whiteout hides the entries of the branches below. This is the rule of OCI layers, and the steps in
 * `aufs-hiding.ts` rely on it. (aufs itself looks for the whiteout first, and treats both together as an
 * error.)
 */
import type { EntryName } from '../../core/brand.js';
import type { FileStat } from '../../core/file-stat.js';
import { readDirectory } from '../../sys/files/read-directory.js';
import { statAt } from '../../sys/files/stat.js';
import { hiddenBy, WHITEOUT_PREFIX } from '../aufs-names.js';
import type { LayerDirectorySink, LayerReader, NameInLayer } from '../dialect.js';
import { type Marks, NO_MARKS } from '../marks.js';
import { hasOpaqueMarker, hasWhiteout, showsOpaqueMarker } from './aufs-marks.js';

const OPAQUE: Marks = { ...NO_MARKS, opaque: true };

export class AufsReader implements LayerReader {
  /** Each `probe` looks for them. */
  readonly markerFiles = null;

  private readonly honoursWhiteouts: boolean;

  /** @param kind of the branch; in a `ro` branch without `+wh`, whiteouts are neither shown nor effective */
  constructor(private readonly kind: 'rw' | 'ro+wh' | 'ro') {
    this.honoursWhiteouts = kind !== 'ro';
  }

  probe(dirfd: number, name: EntryName, into: FileStat): NameInLayer {
    if (statAt(dirfd, name, into)) return 'present';
    return this.honoursWhiteouts && hasWhiteout(dirfd, name) ? 'whiteout' : 'absent';
  }

  list(dirfd: number, sink: LayerDirectorySink): void {
    readDirectory(dirfd, (name, ino, type) => {
      if (!name.startsWith(WHITEOUT_PREFIX)) {
        sink.entry(name, ino, type);
        return;
      }
      const hidden = this.honoursWhiteouts ? hiddenBy(name) : null;
      if (hidden !== null) sink.whiteout(hidden);
    });
  }

  /** Only a directory can have a mark, because aufs stores each object completely. */
  marks(dirfd: number, name: string): Marks {
    if (!this.honoursWhiteouts) return NO_MARKS;
    const isOpaque = hasWhiteout(dirfd, name as EntryName) || showsOpaqueMarker(dirfd, name, this.kind === 'rw');
    return isOpaque ? OPAQUE : NO_MARKS;
  }

  /**
   * Whether the directory `name` in `dirfd` hides the directories of the same path in the branches below.
   * Throws EACCES if it cannot be searched.
   */
  isOpaque(dirfd: number, name: EntryName): boolean {
    return this.honoursWhiteouts && (hasWhiteout(dirfd, name) || hasOpaqueMarker(dirfd, name));
  }
}
