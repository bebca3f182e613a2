/**
 * A layer read as a whole in one dialect and written in another: what converting needs beyond
 * {@link Dialect}. Between the two stands what an application sees, so that a source and a target know
 * nothing of each other.
 */
import type { EntryName } from '../core/brand.js';
import type { FileStat } from '../core/file-stat.js';
import type { LayerDirectorySink } from './dialect.js';

/** One object of a layer, as it is on disk. */
export interface LayerObject {
  /** The real directory that has it, and its name there. */
  readonly dirfd: number;
  readonly name: EntryName;
  readonly stat: FileStat;
  /** Names of all its xattrs. */
  readonly xattrs: readonly string[];
}

/** Something in a layer's root because of which the layer cannot be read yet. */
export interface RootProblem {
  readonly name: EntryName;
  readonly why: string;
}

/**
 * A way to read a layer. `fuse-overlayfs`: the marks of both dialects count, as that program writes them side
 * by side.
 */
export type SourceName = 'overlay' | 'aufs' | 'fuse-overlayfs';

export interface LayerSource {
  readonly name: SourceName;
  /** One real directory; what belongs to the dialect itself is left out. */
  list(dirfd: number, sink: LayerDirectorySink): void;
  /** Whether a listed entry is a whiteout after all, by its attributes. */
  isWhiteout(object: LayerObject): boolean;
  /** Whether the directory hides those of the same path below. */
  isOpaque(directory: LayerObject): boolean;
  /** Why the object cannot be read as it is meant; null: it can. */
  problem(object: LayerObject): string | null;
  /** What stands in the layer's root for content that is not in the layer's tree; null: nothing does. */
  rootProblem(root: number): RootProblem | null;
  /** Why a listed whiteout cannot be read as one; null: it can. */
  whiteoutProblem(dirfd: number, name: EntryName): string | null;
  /** What the application sees of an xattr on disk; null: the dialect's own. */
  xattrShown(name: string): string | null;
}

export interface LayerTarget {
  readonly name: 'overlay' | 'aufs';
  /** Why the object cannot be stored; null: it can. */
  problem(object: LayerObject): string | null;
  /** Why a whiteout of `name` cannot be stored; null: it can. */
  whiteoutProblem(name: EntryName): string | null;
  /** In what the object looks as if it were in this dialect already; null: in nothing. */
  likeness(object: LayerObject): string | null;
  /** The xattr that holds what the application calls `name`. */
  xattrOnDisk(name: string): string;
  /** Makes what a layer's root has besides its content. */
  prepare(root: number): void;
  /** Hides `name` of the layers below in the directory `dirfd`. */
  hide(dirfd: number, name: EntryName): void;
  /** Makes an open directory opaque. */
  markOpaque(dirfd: number): void;
}
