/** Names that aufs reserves (aufs_type.h: AUFS_WH_*). */
import type { EntryName } from '../core/brand.js';

/** The prefix of all reserved names; `.wh.NAME` is the whiteout of NAME. */
export const WHITEOUT_PREFIX = '.wh.';
/** In a directory: hides the directories of the same path in the branches below. */
export const OPAQUE_MARKER = '.wh..wh..opq';
/** In a branch's root: the file that whiteouts are hard links to. */
export const WHITEOUT_BASE = '.wh..wh.aufs';
/** In a branch's root: the directory of pseudo-links. */
export const PLINK_DIRECTORY = '.wh..wh.plnk';
/** In a branch's root: the directory of open objects without a name. */
export const ORPHAN_DIRECTORY = '.wh..wh.orph';
/** The prefix of bookkeeping names, which are never content of a layer. */
const BOOKKEEPING_PREFIX = '.wh..wh.';
/**
 * The longest name (AUFS_MAX_NAMELEN): 255, less two prefixes, a dot and four hex digits, which a temporary
 * name of a whiteout needs.
 */
export const MAX_NAME = 242;

/** Mode of whiteouts, opaque markers and their base (fs/aufs/whout.c: WH_MASK). */
export const WHITEOUT_MODE = 0o444;

/** The name of the whiteout that hides `name`. */
export function whiteoutOf(name: EntryName): string {
  return WHITEOUT_PREFIX + name;
}

/** The name that the entry `name` hides; null: the entry is not a whiteout. */
export function hiddenBy(name: EntryName): EntryName | null {
  const isWhiteout = name.startsWith(WHITEOUT_PREFIX) && !name.startsWith(BOOKKEEPING_PREFIX);
  return isWhiteout && name.length > WHITEOUT_PREFIX.length ? (name.slice(WHITEOUT_PREFIX.length) as EntryName) : null;
}
