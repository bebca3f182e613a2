import type { EntryName } from '../../core/brand.js';
import type { LinkCount } from '../../whiteout/link-count.js';

/**
 * One lower file with several links. It exists as long as its node. After the first change of the file, it
 * exists until the mount ends.
 */
export class LinkGroup {
  /** The entry that leads to the copy; null while the file is in the lower layer. */
  entry: EntryName | null = null;
  /** The inode number of the copy in the upper, which the union does not show. */
  copyIno = 0;
  /** How many lower names the upper hides. */
  hiddenLowerNames = 0;
  /**
   * Whether {@link hiddenLowerNames} counts all names that were hidden since the file was first changed.
   * False for a group that was read from the disk.
   */
  isHiddenCountExact = true;
  /**
   * The copy stores the number of names relative to its own link count (`storeCountByCopy`). That remains
   * correct when the copy gets or loses names.
   */
  hasCountByCopy = false;

  /**
   * The number of visible lower names by the count that was read from the disk; null: none was read, or it
   * was converted to {@link hiddenLowerNames}.
   */
  private visibleFromDisk: number | null = null;

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
   * The number of lower names that the upper does not hide, as far as it is known. If
   * {@link isHiddenCountExact}, it is not lower than the true number.
   */
  get visibleLowerNames(): number {
    return this.lowerLinks === null
      ? (this.visibleFromDisk ?? 0)
      : Math.max(0, this.lowerLinks - this.hiddenLowerNames);
  }

  /** Whether {@link visibleLowerNames} is known. */
  get knowsVisibleLowerNames(): boolean {
    return this.lowerLinks !== null || this.visibleFromDisk !== null;
  }

  /** Counts one more lower name that the upper hides. */
  countHiddenName(): void {
    this.hiddenLowerNames++;
    if (this.visibleFromDisk !== null) this.visibleFromDisk--;
  }

  /** Uses the count that the copy stores on disk. @param links the copy's link count, its entry included */
  applyStoredCount({ relativeTo, difference }: LinkCount, links: number): void {
    if (relativeTo === 'copy') this.visibleFromDisk = difference + 1;
    else this.hiddenLowerNames = links - 1 - difference;
  }

  /**
   * Sets the lower file's link count if it has grown, because names can be added to a layer while it is
   * mounted. A smaller count is ignored, because the removed name can be one that was hidden.
   */
  raiseLowerLinks(links: number): void {
    if (this.lowerLinks !== null && links <= this.lowerLinks) return;
    this.lowerLinks = links;
    if (this.visibleFromDisk !== null) this.hiddenLowerNames = links - this.visibleFromDisk;
    this.visibleFromDisk = null;
  }

  /**
   * The number of names in the merged tree.
   * @param links the link count of the copy; if there is none, that of the lower file
   */
  countNames(links: number): number {
    if (this.entry === null) {
      this.raiseLowerLinks(links);
      return this.visibleLowerNames;
    }
    return this.knowsVisibleLowerNames ? this.visibleLowerNames + links - 1 : links;
  }
}
