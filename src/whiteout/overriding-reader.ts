import type { EntryName } from '../core/brand.js';
import { DT_REG, DT_UNKNOWN } from '../core/file-mode.js';
import type { FileStat } from '../core/file-stat.js';
import type { DirectoryMemory, LayerDirectorySink, LayerReader, MarkerFiles, Presence } from './dialect.js';
import type { Marks } from './marks.js';
import type { StatOverrides } from './stat-overrides.js';

/** Reads a layer whose objects have their attributes in xattrs. What hides a name is recognised by what it physically is. */
export class OverridingReader implements LayerReader {
  readonly markerFiles: MarkerFiles | null;

  constructor(
    private readonly reader: LayerReader,
    private readonly overrides: StatOverrides,
  ) {
    this.markerFiles = reader.markerFiles;
  }

  probe(dirfd: number, name: EntryName, into: FileStat): Presence {
    const presence = this.reader.probe(dirfd, name, into);
    if (presence === 'present') this.overrides.apply(dirfd, name, into);
    return presence;
  }

  /** A regular file can stand for a device, fifo or socket: which, is asked when somebody wants to know. */
  list(dirfd: number, sink: LayerDirectorySink, memory?: DirectoryMemory): void {
    const named: LayerDirectorySink = {
      whiteout: (name) => sink.whiteout(name),
      entry: (name, ino, type) => sink.entry(name, ino, type === DT_REG ? DT_UNKNOWN : type),
    };
    this.reader.list(dirfd, named, memory);
  }

  marks(dirfd: number, name: string): Marks {
    return this.reader.marks(dirfd, name);
  }
}
