import type { EntryName } from '../core/brand.js';

/** One lower file with several links. Lives as long as its node, and from its first change on as long as the mount. */
export class LinkGroup {
  /** The entry that leads to the copy; null while the file is in the lower layer. */
  entry: EntryName | null = null;
  /** The copy's own inode number. */
  own = 0;
  /** Lower names that the upper hides. */
  hidden = 0;
  /** Whether {@link hidden} counts all names hidden since the file was first changed: not for what was read back. */
  exact = true;
  /** The copy says on disk how many lower names show, in a way that stays true when names of its own come and go. */
  isCounted = false;

  constructor(
    readonly ino: number,
    readonly type: number,
    /** Tells the lower file from every other that has had its number (`Plinks`). */
    readonly origin: string,
    /** Link count in the lower layer; null for an entry that was read back, until a lower name is seen. */
    public lowerLinks: number | null,
  ) {}

  /** Lower names that the upper does not hide, as far as we know: not fewer than there are, if {@link exact}. */
  get lowerNames(): number {
    return this.lowerLinks === null ? 0 : Math.max(0, this.lowerLinks - this.hidden);
  }

  /**
   * Takes over the lower file's link count, where it has grown: a layer can be given names while it is mounted. A smaller one says
   * nothing, because the name that has gone can be one that was hidden.
   */
  noteLowerLinks(links: number): void {
    if (this.lowerLinks === null || links > this.lowerLinks) this.lowerLinks = links;
  }

  /** The number of names in the merged tree. @param real link count of the lower file, or of the copy */
  names(real: number): number {
    if (this.entry === null) {
      this.noteLowerLinks(real);
      return this.lowerNames;
    }
    return this.lowerLinks === null ? real : this.lowerNames + real - 1;
  }
}
