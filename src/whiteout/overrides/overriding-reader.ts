import type { EntryName } from '../../core/brand.js';
import { isErrno } from '../../core/errno.js';
import { DT_REG, direntType } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { statAt } from '../../sys/files/stat.js';
import type { DirectoryMemory, LayerDirectorySink, LayerReader, MarkerFiles, NameInLayer } from '../dialect.js';
import type { Marks } from '../marks.js';
import type { StatOverrides } from './stat-overrides.js';

const scratch = new FileStat();

/**
 * Reads a layer whose objects have their attributes in xattrs. The physical object decides what is a
 * whiteout.
 */
export class OverridingReader implements LayerReader {
  readonly markerFiles: MarkerFiles | null;

  constructor(
    private readonly reader: LayerReader,
    private readonly overrides: StatOverrides,
  ) {
    this.markerFiles = reader.markerFiles;
  }

  probe(dirfd: number, name: EntryName, into: FileStat): NameInLayer {
    const presence = this.reader.probe(dirfd, name, into);
    if (presence === 'present') this.overrides.apply(dirfd, name, into);
    return presence;
  }

  /**
   * An empty regular file can be stored for a device, fifo or socket, so files are read after the listing.
   */
  list(dirfd: number, sink: LayerDirectorySink, memory?: DirectoryMemory): void {
    const files: { name: EntryName; ino: number }[] = [];
    const named: LayerDirectorySink = {
      whiteout: (name) => sink.whiteout(name),
      entry(name, ino, type) {
        if (type === DT_REG) files.push({ name, ino });
        else sink.entry(name, ino, type);
      },
    };
    this.reader.list(dirfd, named, memory);
    for (const { name, ino } of files) sink.entry(name, ino, this.typeOf(dirfd, name));
  }

  private typeOf(dirfd: number, name: EntryName): number {
    if (!statAt(dirfd, name, scratch) || scratch.size > 0) return DT_REG;
    try {
      this.overrides.apply(dirfd, name, scratch);
    } catch (error) {
      // An invalid xattr is an error for a caller that uses the object, not for one that lists its directory.
      if (!isErrno(error, 'EIO')) throw error;
    }
    return direntType(scratch.mode);
  }

  marks(dirfd: number, name: string): Marks {
    return this.reader.marks(dirfd, name);
  }
}
