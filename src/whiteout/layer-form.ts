/**
 * Reading a whole layer in one dialect and writing it in another: what a conversion needs beyond
 * {@link Dialect}. A source and a target know nothing of each other, because they exchange only what an
 * application sees.
 */
import type { EntryName } from '../core/brand.js';
import type { FileStat } from '../core/file-stat.js';
import type { LayerDirectorySink } from './dialect.js';

/** An object of a layer, as it is on disk. */
export interface LayerObject {
  /** The real directory that contains it. */
  readonly dirfd: number;
  readonly name: EntryName;
  readonly stat: FileStat;
  /** The names of all its xattrs. */
  readonly xattrs: readonly string[];
}

/** An entry of a layer's root that makes it impossible to convert the layer now. */
export interface RootProblem {
  readonly name: EntryName;
  readonly why: string;
}

/** A format to read. `fuse-overlayfs`: the marks of both dialects count, because that program writes both. */
export type SourceName = 'overlay' | 'aufs' | 'fuse-overlayfs';

export interface LayerSource {
  readonly name: SourceName;
  /** Lists one real directory, without entries that belong to the dialect itself. */
  list(dirfd: number, sink: LayerDirectorySink): void;
  /** Whether the xattrs of a listed entry make it a whiteout. */
  isWhiteout(object: LayerObject): boolean;
  /** Whether the directory hides the directories of the same path in the layers below. */
  isOpaque(directory: LayerObject): boolean;
  /** Why the object cannot be read correctly; null: it can. */
  problem(object: LayerObject): string | null;
  /** An entry of the root for content that is not yet in the layer's tree; null: there is none. */
  rootProblem(root: number): RootProblem | null;
  /** Why a listed whiteout is not a valid one; null: it is. */
  whiteoutProblem(dirfd: number, name: EntryName): string | null;
  /** The name that applications see for an xattr on disk; null: it belongs to the dialect. */
  xattrShown(name: string): string | null;
}

export interface LayerTarget {
  readonly name: 'overlay' | 'aufs';
  /** Why the object cannot be stored; null: it can. */
  problem(object: LayerObject): string | null;
  /** Why a whiteout of `name` cannot be stored; null: it can. */
  whiteoutProblem(name: EntryName): string | null;
  /** The mark of this dialect that the source object has already; null: none. */
  ownMark(object: LayerObject): string | null;
  /** The xattr on disk that holds the application's xattr `name`. */
  xattrOnDisk(name: string): string;
  /** Creates the entries of a layer's root that are not content. */
  prepare(root: number): void;
  /** Hides `name` of the layers below, in the directory `dirfd`. */
  hide(dirfd: number, name: EntryName): void;
  /** Makes an open directory opaque. */
  markOpaque(dirfd: number): void;
}
