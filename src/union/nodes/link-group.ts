import type { EntryName } from '../../core/brand.js';
import type { LinkCount } from '../../whiteout/link-count.js';

/**
 * One lower file with several links. Lives as long as its node, and from its first change on as long as the
 * mount.
 */
export class LinkGroup {
  /** The entry that leads to the copy; null while the file is in the lower layer. */
  entry: EntryName | null = null;
  /** The copy's own inode number. */
  own = 0;
  /** Lower names that the upper hides. */
  hidden = 0;
  /**
   * Whether {@link hidden} counts all names hidden since the file was first changed: not for what was read
   * back.
   */
  exact = true;
  /** The copy has a count on disk that stays correct when the copy gets or loses names. */
  isCounted = false;

  /**
   * Number of visible lower names, as read from the copy's count on disk; null: none was read, or
   * {@link hidden} replaces it.
   */
  private noted: number | null = null;

  constructor(
    readonly ino: number,
    readonly type: number,
    /** Tells the lower file from every other that has had its number (`PseudoLinks`). */
    readonly origin: string,
    /** Link count in the lower layer; null for an entry that was read back, until a lower name is seen. */
    public lowerLinks: number | null,
  ) {}

  /**
   * Lower names that the upper does not hide, as far as we know: not fewer than there are, if {@link exact}.
   */
  get lowerNames(): number {
    return this.lowerLinks === null ? (this.noted ?? 0) : Math.max(0, this.lowerLinks - this.hidden);
  }

  /** Whether {@link lowerNames} is known. */
  get knowsLowerNames(): boolean {
    return this.lowerLinks !== null || this.noted !== null;
  }

  /** One more lower name is hidden. */
  hide(): void {
    this.hidden++;
    if (this.noted !== null) this.noted--;
  }

  /** Takes over the count that a copy has on disk. @param links the copy's link count, its entry included */
  readBack({ relativeTo, difference }: LinkCount, links: number): void {
    if (relativeTo === 'copy') this.noted = difference + 1;
    else this.hidden = links - 1 - difference;
  }

  /**
   * Takes over the lower file's link count if it has grown: somebody may add names to a layer while it is
   * mounted. A smaller count is ignored, because the removed name may be one that was hidden.
   */
  noteLowerLinks(links: number): void {
    if (this.lowerLinks !== null && links <= this.lowerLinks) return;
    this.lowerLinks = links;
    if (this.noted !== null) this.hidden = links - this.noted;
    this.noted = null;
  }

  /** The number of names in the merged tree. @param real link count of the lower file, or of the copy */
  names(real: number): number {
    if (this.entry === null) {
      this.noteLowerLinks(real);
      return this.lowerNames;
    }
    return this.knowsLowerNames ? this.lowerNames + real - 1 : real;
  }
}
