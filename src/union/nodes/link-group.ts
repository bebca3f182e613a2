import type { EntryName } from '../../core/brand.js';
import type { LinkCount } from '../../whiteout/link-count.js';

/**
 * One lower file with several links. It exists as long as its node. After the first change of the file, it
 * exists until the mount ends.
 */
export class LinkGroup {
  /** The entry that leads to the copy; null while the file is in the lower layer. */
  entry: EntryName | null = null;
  /** The copy's own inode number. */
  own = 0;
  /** The number of lower names that the upper hides. */
  hidden = 0;
  /**
   * Whether {@link hidden} counts all names that were hidden since the file was first changed. False for a
   * group that was read from the disk.
   */
  exact = true;
  /** Whether the copy has a count on disk that remains correct when the copy gets or loses names. */
  isCounted = false;

  /**
   * Number of visible lower names, as read from the copy's count on disk; null: none was read, or
   * {@link hidden} replaces it.
   */
  private noted: number | null = null;

  constructor(
    readonly ino: number,
    readonly type: number,
    /** Distinguishes the lower file from all others that have had its number (`PseudoLinks`). */
    readonly origin: string,
    /**
     * Link count in the lower layer; null for an entry read from the disk until a lower name is looked up.
     */
    public lowerLinks: number | null,
  ) {}

  /**
   * The number of lower names that the upper does not hide, as far as it is known. If {@link exact}, it is
   * not lower than the true number.
   */
  get lowerNames(): number {
    return this.lowerLinks === null ? (this.noted ?? 0) : Math.max(0, this.lowerLinks - this.hidden);
  }

  /** Whether {@link lowerNames} is known. */
  get knowsLowerNames(): boolean {
    return this.lowerLinks !== null || this.noted !== null;
  }

  /** Counts one more hidden lower name. */
  hide(): void {
    this.hidden++;
    if (this.noted !== null) this.noted--;
  }

  /** Uses the count that a copy has on disk. @param links the copy's link count, its entry included */
  readBack({ relativeTo, difference }: LinkCount, links: number): void {
    if (relativeTo === 'copy') this.noted = difference + 1;
    else this.hidden = links - 1 - difference;
  }

  /**
   * Uses the lower file's link count if it has grown, because names can be added to a layer while it is
   * mounted. A smaller count is ignored, because the removed name can be one that was hidden.
   */
  noteLowerLinks(links: number): void {
    if (this.lowerLinks !== null && links <= this.lowerLinks) return;
    this.lowerLinks = links;
    if (this.noted !== null) this.hidden = links - this.noted;
    this.noted = null;
  }

  /** The number of names in the merged tree. @param real the link count of the copy, or of the lower file */
  names(real: number): number {
    if (this.entry === null) {
      this.noteLowerLinks(real);
      return this.lowerNames;
    }
    return this.knowsLowerNames ? this.lowerNames + real - 1 : real;
  }
}
