/**
 * Reads one branch of an aufs union. Where a branch has both a name and its whiteout, the entry shows and the
 * whiteout hides what lies below: the rule of OCI layers, and what makes the orders of steps in
 * `aufs-hiding.ts` safe. (aufs itself looks for the whiteout first, and calls both together an error.)
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
  /** They are looked for by each `probe`. */
  readonly markerFiles = null;

  private readonly honoursWhiteouts: boolean;

  /** @param kind of the branch; of `ro` branches without `+wh` whiteouts are not shown and hide nothing */
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

  /** aufs stores each object whole: only of a directory there can be something to say. */
  marks(dirfd: number, name: string): Marks {
    if (!this.honoursWhiteouts) return NO_MARKS;
    const isOpaque = hasWhiteout(dirfd, name as EntryName) || showsOpaqueMarker(dirfd, name, this.kind === 'rw');
    return isOpaque ? OPAQUE : NO_MARKS;
  }

  /**
   * Whether the directory `name` under `dirfd` hides the directories of the same path below it. Throws EACCES
   * if it cannot be searched.
   */
  isOpaque(dirfd: number, name: EntryName): boolean {
    return this.honoursWhiteouts && (hasWhiteout(dirfd, name) || hasOpaqueMarker(dirfd, name));
  }
}
