/**
 * How a layer stores that a name is deleted: the interfaces that both on-disk dialects implement. No other
 * folder knows the format of a whiteout.
 *
 * All directories are fds of real directories. Methods that write change only the upper layer. After each of
 * their steps, every lower object that was hidden is still hidden, and no upper object is lost.
 */
import type { EntryName } from '../core/brand.js';
import type { FileStat } from '../core/file-stat.js';
import type { FileHandle } from '../sys/files/file-handle.js';
import type { Marks } from './marks.js';

/** A name as one layer has it. */
export type NameInLayer = 'absent' | 'whiteout' | 'present';

/** Receives the entries and the whiteouts of one real directory. */
export interface LayerDirectorySink {
  entry(name: EntryName, ino: number, type: number): void;
  /** This directory hides `name` of the layers below. */
  whiteout(name: EntryName): void;
}

/** Reads one layer. The layers of one union can have whiteouts in different formats. */
export interface LayerReader {
  /** Looks for `name` in one directory of the layer, and fills `into` if it is present. */
  probe(dirfd: number, name: EntryName, into: FileStat): NameInLayer;
  /**
   * Lists one real directory, without private names.
   * @param memory what is remembered of the directory; the listing fills it
   */
  list(dirfd: number, sink: LayerDirectorySink, memory?: DirectoryMemory): void;
  /**
   * Reads the marks of the object `name` in `dirfd`, or of `dirfd` itself if `name` is `''`. The object is a
   * directory; if the dialect marks files too ({@link Dialect.metacopies}), any object.
   */
  marks(dirfd: number, name: string): Marks;
  /** null: a whiteout is an entry of the hidden name itself, or {@link probe} finds it. */
  readonly markerFiles: MarkerFiles | null;
}

/** Knowledge about one directory of a lower layer, which does not change. */
export interface DirectoryMemory {
  /** The names that marker files in the directory hide; null: none; undefined: not known. */
  hidden: ReadonlySet<EntryName> | null | undefined;
  /** The number of lookups that found no marker file while {@link hidden} was not known. */
  misses: number;
}

/** Whiteouts that are files beside the name that they hide. They matter if a layer below has the name. */
export interface MarkerFiles {
  /**
   * Whether the directory `dirfd` hides `name` of the layers below, with or without an entry of that name.
   */
  hides(dirfd: number, name: EntryName, memory: DirectoryMemory): boolean;
  /** Whether the directory `name` in `dirfd` hides the directories of the same path in the layers below. */
  hasOpaqueMarker(dirfd: number, name: EntryName): boolean;
}

/**
 * Marks upper objects as immutable or append-only. The real inode flags are not used, because the kernel
 * would then refuse names and marks for the object. Values are FS_IMMUTABLE_FL and FS_APPEND_FL.
 */
export interface Protections {
  /** Reads the flags of `name` in `dirfd`, or of `dirfd` itself if `name` is `''`. */
  read(dirfd: number, name: string): number;
  write(dirfd: number, name: string, protection: number): void;
}

/** Marks that connect a moved directory with its lower parts, which stay where they are. */
export interface Redirects {
  /** Marks are written: a directory with lower parts can be moved. */
  readonly written: boolean;
  /** Marks are followed. If not, a directory with such a mark is refused. */
  readonly followed: boolean;
  /** Marks the directory `name` in `dirfd` with the place of its lower parts; see `Marks.redirect`. */
  mark(dirfd: number, name: string, redirect: string): void;
}

/** Copies of only the attributes of a file. The data stays in a layer below until it is changed. */
export interface Metacopies {
  /** Such copies are made, and the data of existing ones is found. If not, a file without data is refused. */
  readonly enabled: boolean;
  /** Marks the open file `fd` as a copy without data. */
  mark(fd: number): void;
  /** Removes the mark. */
  unmark(fd: number): void;
}

/** Identifies a file of any file system, even if its names change. */
export interface FileIdentity {
  /** The UUID of the file system. */
  readonly uuid: Uint8Array;
  readonly handle: FileHandle;
}

/** Marks copies with the identity of their lower file, so that the next mount shows its inode number too. */
export interface OriginMarks {
  /** @param file null: the lower file exists, but cannot be identified */
  encode(file: FileIdentity | null): Uint8Array;
  /** Returns null if the value identifies no file. */
  decode(origin: Uint8Array): FileIdentity | null;
  /** Marks the copy `name` in `dirfd`. */
  mark(dirfd: number, name: string, origin: Uint8Array): void;
  /** Marks the upper directory `dirfd` as one that contains marked copies. */
  markImpure(dirfd: number): void;
  /** Removes the mark of {@link markImpure}. */
  unmarkImpure(dirfd: number): void;
}

/** Properties that are the same for all layers of a union. */
export interface Dialect {
  readonly name: 'overlay' | 'aufs';
  /** The length of the longest name that the dialect allows. */
  readonly maxName: number;
  /** A whiteout is an entry of the hidden name itself: creating an object there fails with EEXIST. */
  readonly whiteoutTakesName: boolean;
  /**
   * The upper directories that are made opaque. `needed`: those whose name a lower layer has or had; `moved`:
   * also those that are moved into a merged directory; `always`: also all new ones.
   */
  readonly opaqueMarks: 'needed' | 'moved' | 'always';

  /** null: the dialect has no redirects. */
  readonly redirects: Redirects | null;
  /** null: each file of a layer has its data. */
  readonly metacopies: Metacopies | null;
  /** null: copies have no such mark. */
  readonly origins: OriginMarks | null;
  /**
   * null: only the real inode flags protect an object, so a protected lower object cannot be copied up.
   */
  readonly protections: Protections | null;

  /** The errno with which every operation on the name fails, because the dialect reserves it; or 0. */
  refuseName(name: EntryName): number;
  /** Whether a directory can be renamed, although its lower parts stay where they are. If not: EXDEV. */
  mayMove(directory: DirectoryParts): boolean;
  /** The errno with which creating the object fails, because it would be a whiteout; or 0. */
  refuseCreate(name: EntryName, mode: number, rdev: number): number;
  /** The xattr on disk that holds the application's xattr `name`. */
  xattrOnDisk(name: string): string;
  /** The name that applications see for an xattr on disk; null: it is private. */
  xattrShown(name: string): string | null;
  /** Whether an xattr on disk belongs to the union itself. A copy-up does not copy it. */
  isPrivateXattr(name: string): boolean;
}

/**
 * The parts of a directory of the union. The methods read directories, so callers use them only if necessary.
 */
export interface DirectoryParts {
  readonly inUpper: boolean;
  readonly inLower: boolean;
  /** It has no entries in the union. */
  isEmpty(): boolean;
  /** Its lower parts are empty on disk, without whiteouts too. */
  lowersAreBare(): boolean;
}

/** The changes of an upper layer that involve hiding. */
export interface Hiding {
  /** Hides a lower `name` that the upper does not have. */
  hide(upper: number, name: EntryName): void;
  /** Removes a file from the upper, and hides the lower one. */
  removeAndHide(upper: number, name: EntryName): void;
  /** Removes a directory from the upper that has no entries in the union, but can contain whiteouts. */
  removeDirectory(upper: number, name: EntryName, hide: boolean): void;
  /** Moves a finished object from the work directory onto a whiteout. A directory must be opaque already. */
  publishOverWhiteout(staged: string, upper: number, name: EntryName, isDirectory: boolean): void;
  /** Makes the directory `name` in `dirfd` opaque. */
  markOpaque(dirfd: number, name: string): void;
  /**
   * Moves an upper object. It replaces an upper object at the new name, even a directory full of whiteouts.
   */
  move(plan: MovePlan): void;
  /** Removes its objects from the work directory. */
  close(): void;
}

export interface MovePlan {
  readonly from: number;
  readonly name: EntryName;
  readonly to: number;
  readonly newName: EntryName;
  /** Leave the lower object of the old name hidden. */
  readonly hideSource: boolean;
  /** The upper has a whiteout at the new name. */
  readonly ontoWhiteout: boolean;
  readonly isDirectory: boolean;
}
