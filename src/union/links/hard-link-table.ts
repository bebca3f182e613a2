/**
 * Lower files with several links that remain one file when they are copied up.
 *
 * The copy has an entry: a hard link in a directory that the union does not show. The node of the file
 * reaches the copy through the entry, also after its names have changed. A lower name that the upper does not
 * hide leads to the same node, because it has the same inode number in the union. The dialect decides about
 * the names of entries, how long they exist and what is stored with them: pseudo-links (`pseudo-links.ts`) or
 * an index (`link-index.ts`).
 */

import type { EntryName } from '../../core/brand.js';
import { FsError } from '../../core/errno.js';
import { S_IFMT } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { O_PATH } from '../../core/flags.js';
import { unlinkAt } from '../../sys/files/inode-ops.js';
import { linkObject, type ObjectRef } from '../../sys/files/object-ref.js';
import { openAt } from '../../sys/files/open.js';
import { statAt } from '../../sys/files/stat.js';
import type { LinkCount } from '../../whiteout/link-count.js';
import type { DirectoryFds } from '../layers/directory-fds.js';
import type { Layer, RealDirectory } from '../layers/layer.js';
import type { UpperMount } from '../layers/upper-mount.js';
import type { InodeNumbers } from '../nodes/inode-numbers.js';
import { LinkGroup } from '../nodes/link-group.js';
import type { FileNode } from '../nodes/node.js';
import type { OriginHandles } from './origin-handles.js';

const scratch = new FileStat();

/** The parts that a hard link table is built from. */
export interface LinkParts {
  /** Opens the upper and its work directory. */
  readonly mount: UpperMount;
  /** The upper. */
  readonly layer: Layer;
  readonly lowers: readonly Layer[];
  readonly originHandles: OriginHandles | null;
  readonly fds: DirectoryFds;
  readonly numbers: InodeNumbers;
  readonly log: (line: string) => void;
  /** Registers an object that is closed together with the union. */
  keep<T extends { close(): void }>(part: T): T;
}

export abstract class HardLinkTable {
  /**
   * Whether the server replaces the entries by real links in the upper at the end of the mount
   * (`flush-pseudo-links.ts`). If not, the entries remain for the next mount.
   */
  abstract readonly flushesAtEnd: boolean;
  /** Copied-up groups and those with hidden names, by the inode number shown. */
  protected readonly groups = new Map<number, LinkGroup>();

  protected constructor(
    /** The directory that contains the entries. */
    readonly directory: RealDirectory,
    protected readonly fds: DirectoryFds,
    protected readonly numbers: InodeNumbers,
  ) {}

  /**
   * A string that distinguishes the lower file with this real stat from all others that have had its number.
   */
  protected abstract originOf(stat: FileStat): string;

  /**
   * Creates an entry for a finished copy.
   * @param copy its real stat
   * @param source the origin that the copy records (`OriginMarks`); null: copies do not record one
   */
  protected abstract makeEntry(
    group: LinkGroup,
    staged: ObjectRef,
    copy: FileStat,
    source: Uint8Array | null,
  ): EntryName;

  /** Removes the entry of a copy that still has other names. */
  protected abstract removeEntry(entry: EntryName): void;

  /**
   * Whether the number of names is stored on disk. Then a name of the file can be removed only after the file
   * was copied up and the copy has a link at that name (`names/prepare-removal.ts`).
   */
  abstract readonly countsNames: boolean;

  /** Stores with the copy how many names the file has. */
  protected abstract writeCount(entry: EntryName, group: LinkGroup, count: LinkCount): void;

  /** Reads the link count of a copy's lower file again, if that file can be found. */
  abstract rereadLowerLinks(group: LinkGroup): void;

  /**
   * The group of a lower file with several links that has the real stat `stat` and the number `ino`. If
   * another file has had this number and its copy still shows it, the group gets a new number.
   */
  ofLower(ino: number, stat: FileStat): LinkGroup {
    const group = this.groups.get(ino);
    const type = stat.mode & S_IFMT;
    const origin = this.originOf(stat);
    if (group === undefined) return new LinkGroup(ino, type, origin, stat.nlink);
    if (group.origin !== origin) {
      const own = this.numbers.assignNew(stat.devMajor, stat.devMinor, stat.ino);
      return new LinkGroup(own, type, origin, stat.nlink);
    }
    group.raiseLowerLinks(stat.nlink);
    return group;
  }

  /**
   * The group of an upper file that is the group's copy; null: it is not a copy.
   * @param ino the number that the file shows
   * @param copyIno its inode number in the upper
   */
  ofCopy(ino: number, copyIno: number): LinkGroup | null {
    const group = this.groups.get(ino);
    return group !== undefined && group.entry !== null && group.copyIno === copyIno ? group : null;
  }

  /** Whether the number is that of a group. All names of a group show its number. */
  has(ino: number): boolean {
    return this.groups.has(ino);
  }

  /** The groups that have a copy. */
  copied(): LinkGroup[] {
    return [...this.groups.values()].filter(({ entry }) => entry !== null);
  }

  /**
   * Stores the number of names relative to the lower file's link count. Called before a lower name is
   * replaced by a link to the copy, which changes the link count of the copy.
   */
  storeCountByLower(group: LinkGroup): void {
    this.rereadLowerLinks(group);
    const { entry, lowerLinks } = group;
    if (entry === null || lowerLinks === null || !statAt(this.fds.get(this.directory), entry, scratch)) return;
    this.writeCount(entry, group, { relativeTo: 'lower', difference: group.countNames(scratch.nlink) - lowerLinks });
    group.hasCountByCopy = false;
  }

  /**
   * Stores the number of names relative to the copy's link count. Called before the copy gets another name or
   * loses one.
   */
  storeCountByCopy(group: LinkGroup): void {
    if (group.hasCountByCopy || group.entry === null) return;
    this.rereadLowerLinks(group);
    if (!group.knowsVisibleLowerNames) return;
    this.writeCount(group.entry, group, { relativeTo: 'copy', difference: group.visibleLowerNames - 1 });
    group.hasCountByCopy = true;
  }

  /** Records that the upper hides one more lower name of the file: by a whiteout or by a link to the copy. */
  recordHiddenName(group: LinkGroup): void {
    group.countHiddenName();
    this.groups.set(group.ino, group);
    group.hasCountByCopy = false;
    try {
      this.storeCountByCopy(group);
    } catch (error) {
      // The name is hidden, and the count that `storeCountByLower` has stored is correct until the next
      // change. Before the next change, `storeCountByCopy` is called again.
      if (!(error instanceof FsError)) throw error;
    }
  }

  /**
   * Creates the entry of a finished copy, which has no name in the upper yet. From here on the lower names
   * show the copy. The parameters are those of {@link makeEntry}.
   */
  addCopy(group: LinkGroup, staged: ObjectRef, copy: FileStat, source: Uint8Array | null): void {
    group.entry = this.makeEntry(group, staged, copy, source);
    group.copyIno = copy.ino;
    this.groups.set(group.ino, group);
  }

  /** Undoes {@link addCopy} when the copy could not be given its name. */
  removeCopy(group: LinkGroup): void {
    if (group.entry !== null) unlinkAt(this.fds.get(this.directory), group.entry);
    group.entry = null;
    group.copyIno = 0;
  }

  /**
   * Ends a group whose copy has all its names in the upper, or no name at all, and removes its entry.
   * @param node the node of the file; null: the file has none. The node has no group afterwards. If the
   * kernel can still send requests for the node and the node is not open, the node gets an fd of the copy.
   */
  dissolve(group: LinkGroup, node: FileNode | null): void {
    const { entry } = group;
    this.groups.delete(group.ino);
    if (entry === null) return;
    const dirfd = this.fds.get(this.directory);
    if (node !== null) {
      if (node.nlookup > 0 && node.open === null) node.pinnedFd = openAt(dirfd, entry, O_PATH);
      node.home = null;
      node.group = null;
    }
    group.entry = null;
    if (!statAt(dirfd, entry, scratch)) return;
    const { nlink, devMajor, devMinor, ino } = scratch;
    if (nlink > 1) this.removeEntry(entry);
    else {
      unlinkAt(dirfd, entry);
      this.numbers.release(devMajor, devMinor, ino);
    }
  }

  /** Closes the fds that only this table has open. */
  close(): void {}

  protected link(staged: ObjectRef, entry: EntryName): void {
    const dirfd = this.fds.get(this.directory);
    linkObject(staged, dirfd, entry);
  }
}
