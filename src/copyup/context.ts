import type { EntryName } from '../core/brand.js';
import type { FileStat } from '../core/file-stat.js';
import type { Dialect } from '../whiteout/dialect.js';
import type { StatOverrides } from '../whiteout/overrides/stat-overrides.js';
import type { WorkDirectory } from '../whiteout/work/work-directory.js';
import type { Squash } from './set-owner.js';

/** What every copy-up of a mount shares. */
export interface CopyUpContext {
  readonly work: WorkDirectory;
  readonly dialect: Dialect;
  /** Where the upper's objects have their attributes; null: themselves. */
  readonly overrides: StatOverrides | null;
  /** The one owner that the mount shows for all objects; null: it shows the owners of the disk. */
  readonly squash: Squash | null;
  /** fsync a file before it is published; false for a volatile mount. */
  readonly sync: boolean;
  /** A change of attributes copies only attributes up, not the data, if that is enough. */
  readonly makesMetacopies: boolean;
  /** Called when an ACL is written without some of the source's entries. Warns the user once. */
  readonly noteCutAcl: () => void;
}

/** A file whose data is on its way into the upper. */
export interface Filling {
  /** Where the data is. */
  readonly sourceFd: number;
  /** Where it goes, open for reading and writing. */
  readonly fd: number;
  /** How many bytes are wanted. */
  readonly length: number;
  /** Whether the source may have holes. */
  readonly sparse: boolean;
  /** Gives up, and leaves no trace. */
  abandon(): void;
}

/** A lower object: `name` under the directory `dirfd`, and what stat says of it. */
export interface CopyUpSource {
  readonly dirfd: number;
  readonly name: EntryName;
  readonly stat: FileStat;
  /** Where the layer's objects have their attributes; null: themselves. `stat` is what they say. */
  readonly overrides: StatOverrides | null;
  /** What the copy says that it is a copy of; null: nothing. See `OriginMarks`. */
  readonly origin: Uint8Array | null;
}

/** Where its copy goes: a name that the upper directory `upper` does not have. */
export interface CopyUpDestination {
  readonly upper: number;
  readonly name: EntryName;
}
