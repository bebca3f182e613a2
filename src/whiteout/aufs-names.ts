/** The names that aufs keeps for itself (aufs_type.h: AUFS_WH_*). */
import type { EntryName } from '../core/brand.js';

/** Begins every name that is not a plain entry; `.wh.NAME` is the whiteout of NAME. */
export const WHITEOUT_PREFIX = '.wh.';
/** Inside a directory: hides the directories of the same path below. */
export const OPAQUE_MARKER = '.wh..wh..opq';
/** In a branch's root: the file that whiteouts are hard links to. */
export const WHITEOUT_BASE = '.wh..wh.aufs';
/** In a branch's root: pseudo-links. */
export const PLINK_DIRECTORY = '.wh..wh.plnk';
/** In a branch's root: what is open and has no name. */
export const ORPHAN_DIRECTORY = '.wh..wh.orph';
/** Begins the names of bookkeeping, which no layer's content has. */
export const BOOKKEEPING_PREFIX = '.wh..wh.';
/**
 * 255, less two prefixes, a dot and four hex digits: room for a temporary name of a whiteout
 * (AUFS_MAX_NAMELEN).
 */
export const MAX_NAME = 242;

/** Mode of whiteouts, opaque markers and their base (fs/aufs/whout.c: WH_MASK). */
export const WHITEOUT_MODE = 0o444;

/** The name of the whiteout that hides `name`. */
export function whiteoutOf(name: EntryName): string {
  return WHITEOUT_PREFIX + name;
}

/** The name that an entry called `name` hides; null: it is no whiteout. */
export function hiddenBy(name: EntryName): EntryName | null {
  const isWhiteout = name.startsWith(WHITEOUT_PREFIX) && !name.startsWith(BOOKKEEPING_PREFIX);
  return isWhiteout && name.length > WHITEOUT_PREFIX.length ? (name.slice(WHITEOUT_PREFIX.length) as EntryName) : null;
}
