/**
 * The directory of pseudo-links in an rw branch (fs/aufs/plink.c). It contains copies of lower files with
 * several links: each entry is a hard link to a copy, named `INO.BINO`, where INO is the inode number that
 * the union shows and BINO is the copy's own. While an entry exists, all lower names of that file show the
 * copy.
 */
import type { EntryName } from '../../core/brand.js';
import { PLINK_DIRECTORY } from '../aufs-names.js';
import type { XattrNamespace } from '../overlay/overlay-dialect.js';

/** Two decimal numbers as aufs prints them: no sign, no leading zero. */
const ENTRY = /^([1-9]\d*)\.([1-9]\d*)$/;

export interface PseudoLinkName {
  /** The inode number that the union shows for the file, before its copy-up and after. */
  readonly shown: number;
  /** The copy's own inode number in the upper. */
  readonly own: number;
}

export class AufsPseudoLinks {
  /** The directory, in the upper's root. It exists from the time when the upper is opened. */
  readonly directory = PLINK_DIRECTORY as EntryName;
  /**
   * The private xattr of a copy with an entry. It holds the identity of the lower file and the number of
   * names of the copy (`LinkCount`).
   */
  readonly originXattr: string;

  constructor(namespace: XattrNamespace) {
    this.originXattr = `${namespace}.plyfs.origin`;
  }

  entryName({ shown, own }: PseudoLinkName): EntryName {
    return `${shown}.${own}` as EntryName;
  }

  /** Returns null if `name` is not the name of an entry. */
  parse(name: EntryName): PseudoLinkName | null {
    const match = ENTRY.exec(name);
    if (match === null) return null;
    const link = { shown: Number(match[1]), own: Number(match[2]) };
    return Number.isSafeInteger(link.shown) && Number.isSafeInteger(link.own) ? link : null;
  }
}
