/** Types that are plain numbers or strings at run time, and that the compiler keeps apart. */

declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/**
 * Identifies an inode of this mount to the kernel (fuse.h `nodeid`). Never reused, so no generation is
 * needed.
 */
export type NodeId = Brand<number, 'NodeId'>;

/** The root of every FUSE mount (fuse.h `FUSE_ROOT_ID`). */
export const ROOT_ID = 1 as NodeId;

/**
 * One component of a path, as bytes: each char code is one byte (latin1-decoded), so that names which are not
 * UTF-8 are kept exactly. It can be the key of a Map. `displayName` decodes it for messages.
 */
export type EntryName = Brand<string, 'EntryName'>;

/** A path relative to a layer's root, as bytes ({@link EntryName}), without leading `/`. The root is `''`. */
export type LayerPath = Brand<string, 'LayerPath'>;
