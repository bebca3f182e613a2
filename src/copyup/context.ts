import type { EntryName } from '../core/brand.js';
import type { FileStat } from '../core/file-stat.js';
import type { Dialect } from '../whiteout/dialect.js';
import type { StatOverrides } from '../whiteout/overrides/stat-overrides.js';
import type { WorkDirectory } from '../whiteout/work/work-directory.js';
import type { Squash } from './set-owner.js';

/** Shared by all copy-ups of a mount. */
export interface CopyUpContext {
  readonly work: WorkDirectory;
  readonly dialect: Dialect;
  /**
   * The xattrs that hold the attributes of upper objects; null: the objects have the attributes themselves.
   */
  readonly overrides: StatOverrides | null;
  /** The only owner that the mount shows for all objects; null: it shows the owners on disk. */
  readonly squash: Squash | null;
  /** fsync a file before it is published; false for a volatile mount. */
  readonly sync: boolean;
  /** A change of attributes copies up only the attributes, without the data. */
  readonly makesMetacopies: boolean;
  /** Called when an ACL is written without some entries of the source. Warns the user once. */
  readonly warnOfCutAcl: () => void;
}

/** An upper file whose data is being copied. */
export interface Filling {
  /** The file to read the data from. */
  readonly sourceFd: number;
  /** The file to write it to, open for reading and writing. */
  readonly fd: number;
  /** The number of bytes to copy. */
  readonly length: number;
  /** Whether the source can have holes. */
  readonly sparse: boolean;
  /** Whether the file has a name in the upper, so that the next mount finds it even after {@link abandon}. */
  readonly isInPlace: boolean;
  /** Cancels the copy-up and removes all its traces. */
  abandon(): void;
}

/** A lower object: `name` in the directory `dirfd`, and its attributes. */
export interface CopyUpSource {
  readonly dirfd: number;
  readonly name: EntryName;
  readonly stat: FileStat;
  /**
   * The xattrs that hold the attributes of the layer's objects; null: the objects have them themselves.
   * `stat` has the attributes of the xattrs.
   */
  readonly overrides: StatOverrides | null;
  /** The origin that the copy is marked with; null: none. See `OriginMarks`. */
  readonly origin: Uint8Array | null;
}

/** The place of the copy: a name that the upper directory `upper` does not have. */
export interface CopyUpDestination {
  readonly upper: number;
  readonly name: EntryName;
}
