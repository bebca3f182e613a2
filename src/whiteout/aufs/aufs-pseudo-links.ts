/**
 * aufs's pseudo-links (fs/aufs/plink.c): `.wh..wh.plnk/INO.BINO`, INO the number shown, BINO that of the
 * copy.
 */
import type { EntryName } from '../../core/brand.js';
import { PLINK_DIRECTORY } from '../aufs-names.js';
import type { HardLinkEntry, LinkEntries } from '../dialect.js';
import type { XattrNamespace } from '../overlay/overlay-dialect.js';

/** Two decimal numbers as aufs prints them: no sign, no leading zero. */
const ENTRY = /^([1-9]\d*)\.([1-9]\d*)$/;

export const aufsPseudoLinks = (namespace: XattrNamespace): LinkEntries => ({
  originXattr: `${namespace}.plyfs.origin`,
  directory: PLINK_DIRECTORY as EntryName,

  entryName({ shown, own }: HardLinkEntry): EntryName {
    return `${shown}.${own}` as EntryName;
  },

  parse(name: EntryName): HardLinkEntry | null {
    const match = ENTRY.exec(name);
    if (match === null) return null;
    const link = { shown: Number(match[1]), own: Number(match[2]) };
    return Number.isSafeInteger(link.shown) && Number.isSafeInteger(link.own) ? link : null;
  },
});
