/**
 * How a layer stores that something is gone: the interface that both on-disk dialects implement. Above this
 * folder nobody knows what a whiteout looks like.
 *
 * All directories are fds of real directories. A "writable" method changes the upper layer only, and leaves
 * it, at every moment in between, in a state where no hidden lower object shows and no upper object is lost.
 */
import type { EntryName } from '../core/brand.js';
import type { FileStat } from '../core/file-stat.js';
import type { FileHandle } from '../sys/files/file-handle.js';
import type { Marks } from './marks.js';

/** What one layer says of one name. */
export type NameInLayer = 'absent' | 'whiteout' | 'present';

/** Receives one real directory, whiteouts told apart from entries. */
export interface LayerDirectorySink {
  entry(name: EntryName, ino: number, type: number): void;
  /** `name` of the layers below is hidden here. */
  whiteout(name: EntryName): void;
}

/** How one layer is read. What counts as a whiteout can differ between the layers of one union. */
export interface LayerReader {
  /** Looks for `name` in one layer; `into` is filled when it is present. */
  probe(dirfd: number, name: EntryName, into: FileStat): NameInLayer;
  /**
   * Lists one real directory, private names left out.
   * @param memory of that directory, if the listing may be used to fill it
   */
  list(dirfd: number, sink: LayerDirectorySink, memory?: DirectoryMemory): void;
  /**
   * What the layer says about the object `name` under `dirfd`, or what `dirfd` names when `name` is `''`: a
   * directory, or anything where the dialect has marks of files too ({@link Dialect.metacopies}).
   */
  marks(dirfd: number, name: string): Marks;
  /** null: what hides a name takes the name itself, or is found by {@link probe} in any case. */
  readonly markerFiles: MarkerFiles | null;
}

/** What is remembered of one directory of a lower layer, which does not change. */
export interface DirectoryMemory {
  /** The names that marker files in it hide; null: none; undefined: not known. */
  hidden: ReadonlySet<EntryName> | null | undefined;
  /** How often a name was looked for in vain while that was not known. */
  misses: number;
}

/**
 * Whiteouts that lie beside the name that they hide. To be asked where a lower layer could show something.
 */
export interface MarkerFiles {
  /**
   * Whether the directory `dirfd` hides `name` of the layers below it, whether it has an entry of that name
   * or not.
   */
  hides(dirfd: number, name: EntryName, memory: DirectoryMemory): boolean;
  /** Whether the directory `name` under `dirfd` hides the directories of the same path below it. */
  hasOpaqueMarker(dirfd: number, name: EntryName): boolean;
}

/**
 * How it is told of an object of the upper that it is immutable or append-only, when its real inode flags
 * stay free: with them it could not be given a name or a mark any more. Values are FS_IMMUTABLE_FL and
 * FS_APPEND_FL.
 */
export interface Protections {
  /** Of `name` under `dirfd`, or of `dirfd` itself when `name` is `''`. */
  read(dirfd: number, name: string): number;
  write(dirfd: number, name: string, protection: number): void;
}

/** How a moved directory is kept together with its lower parts, which stay where they are. */
export interface Redirects {
  /** A directory with lower parts may be moved. */
  readonly written: boolean;
  /** Those of directories that were moved are looked for; if not, such a directory is refused. */
  readonly followed: boolean;
  /** Says of the directory `name` under `dirfd` where its lower parts are; see `Marks.redirect`. */
  mark(dirfd: number, name: string, redirect: string): void;
}

/** Copies that have a file's attributes only: the data stays in a layer below until it changes. */
export interface Metacopies {
  /** They are made, and the data of those there are is looked for; if not, such a file is refused. */
  readonly enabled: boolean;
  /** Says of the open file `fd` that it has no data. */
  mark(fd: number): void;
  /** Says that it has its data now. */
  unmark(fd: number): void;
}

/** A file of any file system, whatever becomes of its names. */
export interface FileIdentity {
  /** Of the file system. */
  readonly uuid: Uint8Array;
  readonly handle: FileHandle;
}

/** How copies say which lower file they are of, so that they show its inode number at the next mount too. */
export interface OriginMarks {
  /** @param file null: it cannot be told, only that there is one */
  encode(file: FileIdentity | null): Uint8Array;
  /** null: it does not say. */
  decode(origin: Uint8Array): FileIdentity | null;
  /** Says of the copy `name` under `dirfd` what it is a copy of. */
  mark(dirfd: number, name: string, origin: Uint8Array): void;
  /** Says of the upper directory `dirfd` that copies with such a mark lie in it. */
  markImpure(dirfd: number): void;
  /** Takes back {@link markImpure}. */
  unmarkImpure(dirfd: number): void;
}

/** What holds for all layers of a union. */
export interface Dialect {
  readonly name: 'overlay' | 'aufs';
  /** The longest name of an entry, as far as the dialect has a say in it. */
  readonly maxName: number;
  /** A whiteout is an entry of the hidden name itself: nothing can be made at that name without EEXIST. */
  readonly whiteoutTakesName: boolean;
  /**
   * Which upper directories are made opaque: `needed`, where a lower layer has (or had) something of the
   * name; `moved`, also each that is moved into a merged directory; `always`, also each new one.
   */
  readonly opaqueMarks: 'needed' | 'moved' | 'always';

  /** null: the dialect has none. */
  readonly redirects: Redirects | null;
  /** null: each file that a layer has is whole. */
  readonly metacopies: Metacopies | null;
  /** null: a copy says nothing of the kind. */
  readonly origins: OriginMarks | null;

  /** null: by the real inode flags, so that what has them in a lower layer cannot be copied up. */
  readonly protections: Protections | null;

  /**
   * The errno with which every operation on the name is refused, because the dialect keeps it for itself, or
   * 0.
   */
  refuseName(name: EntryName): number;
  /** Whether a directory may be renamed: what lower layers have of it stays behind. If not, it is EXDEV. */
  mayMove(directory: DirectoryParts): boolean;
  /** The errno with which a name must not be created (a type that means a whiteout), or 0. */
  refuseCreate(name: EntryName, mode: number, rdev: number): number;
  /** The xattr that holds what the application calls `name`. */
  xattrOnDisk(name: string): string;
  /** What the application sees of an xattr on disk; null: private. */
  xattrShown(name: string): string | null;
  /** Whether an xattr on disk is the union's own and stays behind when an object is copied up. */
  isPrivateXattr(name: string): boolean;
}

/**
 * Entries of an upper that keep copies of lower files with several links: each is a hard link to the copy, in
 * a directory of the upper's root, and says by its name which lower file the copy stands for. While there is
 * an entry, all lower names of that file show the copy.
 */
export interface LinkEntries {
  /** The directory, in the upper's root; it is there from when the upper is opened. */
  readonly directory: EntryName;
  /**
   * The private xattr of a copy with an entry. It holds the identity of the lower file and the number of
   * names of the copy (`LinkCount`).
   */
  readonly originXattr: string;
  entryName(link: HardLinkEntry): EntryName;
  /** null: not the name of an entry. */
  parse(name: EntryName): HardLinkEntry | null;
}

export interface HardLinkEntry {
  /** The inode number that the union shows for the file, before its copy-up and after. */
  readonly shown: number;
  /** The copy's own inode number in the upper. */
  readonly own: number;
}

/** Where a directory of the union lies. The methods read directories, and are asked only if it matters. */
export interface DirectoryParts {
  readonly inUpper: boolean;
  readonly inLower: boolean;
  /** Nothing shows in it. */
  isEmpty(): boolean;
  /** On disk its lower parts hold nothing at all, no whiteouts either. */
  lowersAreBare(): boolean;
}

/** The changes of an upper layer that involve hiding. */
export interface Hiding {
  /** Hides a lower `name` that the upper does not have. */
  hide(upper: number, name: EntryName): void;
  /** Removes a file from the upper and hides the lower one in the same step. */
  removeAndHide(upper: number, name: EntryName): void;
  /** Removes a logically empty directory from the upper: what it physically holds are whiteouts. */
  removeDirectory(upper: number, name: EntryName, hide: boolean): void;
  /**
   * Moves a finished object from the work directory onto a whiteout. A directory has to be opaque already.
   */
  publishOverWhiteout(staged: string, upper: number, name: EntryName, isDirectory: boolean): void;
  /** Makes the directory `name` under `dirfd` opaque. */
  markOpaque(dirfd: number, name: string): void;
  /**
   * Moves an upper object over whatever the upper has at the new name, and a directory also over one that
   * holds whiteouts only.
   */
  move(plan: MovePlan): void;
  /** Leaves nothing of its own in the work directory. */
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
