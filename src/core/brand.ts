/** Types that are numbers or strings at run time and cannot be mixed up at compile time. */

declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/**
 * The kernel's name for an inode of this mount (fuse.h `nodeid`); never reused, so no generation is needed.
 */
export type NodeId = Brand<number, 'NodeId'>;

/** The root of every FUSE mount (fuse.h `FUSE_ROOT_ID`). */
export const ROOT_ID = 1 as NodeId;

/**
 * One component of a path, as bytes: each char code is one byte (latin1-decoded), so that any name survives,
 * UTF-8 or not. Usable as a Map key; decode with `displayName` only to show it to people.
 */
export type EntryName = Brand<string, 'EntryName'>;

/**
 * A path relative to a layer's root, bytes as in {@link EntryName}, without leading `/`; the root itself is
 * `''`.
 */
export type LayerPath = Brand<string, 'LayerPath'>;
