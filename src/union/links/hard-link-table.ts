/**
 * Lower files with several links that stay one file when they are copied up.
 *
 * The copy has an entry, a hard link in a directory that shows nowhere, and its node is reached through that
 * entry, whatever becomes of its names. A lower name of the file that the upper does not hide leads to the
 * same node: it is recognised by the inode number shown. What entries are called, how long they stay and what
 * else is noted depends on the dialect: pseudo-links (`plinks.ts`) or an index (`link-index.ts`).
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

/** What keeping links takes. */
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
  /** Takes what is to be closed with the union. */
  keep<T extends { close(): void }>(part: T): T;
}

export abstract class HardLinkTable {
  /**
   * Entries go when the mount ends, and the upper alone says then what is one file (`settle.ts`); if not,
   * they are there for the next mount.
   */
  abstract readonly flushesAtEnd: boolean;
  /** Copied-up groups and those with hidden names, by the inode number shown. */
  protected readonly groups = new Map<number, LinkGroup>();

  protected constructor(
    /** Where the entries are. */
    readonly directory: RealDirectory,
    protected readonly fds: DirectoryFds,
    protected readonly numbers: InodeNumbers,
  ) {}

  /** Tells the lower file of this real stat from every other that has had its number. */
  protected abstract originOf(stat: FileStat): string;

  /**
   * Makes an entry of the finished copy.
   * @param copy its real stat
   * @param source what the copy says that it is a copy of (`OriginMarks`), where copies say so
   */
  protected abstract makeEntry(
    group: LinkGroup,
    staged: ObjectRef,
    copy: FileStat,
    source: Uint8Array | null,
  ): EntryName;

  /** Removes the entry of a copy that goes on under other names. */
  protected abstract leave(entry: EntryName): void;

  /**
   * Names of the file go only by way of the copy, which has to be there first
   * (`ops/remove.ts:prepareRemoval`).
   */
  abstract readonly countsNames: boolean;

  /** Stores with the copy how many names it has. */
  protected abstract note(entry: EntryName, group: LinkGroup, count: LinkCount): void;

  /** Reads the link count of a copy's lower file again, if that file can be found. */
  abstract recount(group: LinkGroup): void;

  /**
   * The group of a lower file with several links that has the real stat `stat` and shows the number `ino`; of
   * another number where the number has become that of another file, which has a copy.
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
    group.noteLowerLinks(stat.nlink);
    return group;
  }

  /** The group whose copy an upper file is. @param own its own inode number */
  ofCopy(ino: number, own: number): LinkGroup | null {
    const group = this.groups.get(ino);
    return group !== undefined && group.entry !== null && group.own === own ? group : null;
  }

  /** Whether the number is that of a group, all of whose names show it. */
  has(ino: number): boolean {
    return this.groups.has(ino);
  }

  /** The groups that have a copy. */
  copied(): LinkGroup[] {
    return [...this.groups.values()].filter(({ entry }) => entry !== null);
  }

  /**
   * To be called before a lower name is replaced by a link to the copy: stores a count relative to the lower
   * file's.
   */
  announce(group: LinkGroup): void {
    this.recount(group);
    const { entry, lowerLinks } = group;
    if (entry === null || lowerLinks === null || !statAt(this.fds.get(this.directory), entry, scratch)) return;
    this.note(entry, group, { relativeTo: 'lower', difference: group.names(scratch.nlink) - lowerLinks });
    group.isCounted = false;
  }

  /** To be called before the copy gets another name or loses one: stores a count relative to the copy's. */
  count(group: LinkGroup): void {
    if (group.isCounted || group.entry === null) return;
    this.recount(group);
    if (!group.knowsLowerNames) return;
    this.note(group.entry, group, { relativeTo: 'copy', difference: group.lowerNames - 1 });
    group.isCounted = true;
  }

  /** One more lower name of the file is hidden by the upper: by a whiteout, or by a link to the copy. */
  hide(group: LinkGroup): void {
    group.hide();
    this.groups.set(group.ino, group);
    group.isCounted = false;
    try {
      this.count(group);
    } catch (error) {
      // The name is hidden, and the count that `announce` stored is correct until the next change. Before
      // that, it is stored again.
      if (!(error instanceof FsError)) throw error;
    }
  }

  /**
   * Makes the entry of a finished copy, which has no name in the upper yet. From here on the lower names show
   * the copy. Parameters as of {@link makeEntry}.
   */
  enter(group: LinkGroup, staged: ObjectRef, copy: FileStat, source: Uint8Array | null): void {
    group.entry = this.makeEntry(group, staged, copy, source);
    group.own = copy.ino;
    this.groups.set(group.ino, group);
  }

  /** Takes back {@link enter}: the copy has not got its name. */
  withdraw(group: LinkGroup): void {
    if (group.entry !== null) unlinkAt(this.fds.get(this.directory), group.entry);
    group.entry = null;
    group.own = 0;
  }

  /**
   * Ends a group whose copy has all its names in the upper, or none at all: the entry goes.
   * @param node the living node, which goes on without; an fd leads to it where anybody may still ask for it
   */
  dissolve(group: LinkGroup, node: FileNode | null): void {
    const { entry } = group;
    this.groups.delete(group.ino);
    if (entry === null) return;
    const dirfd = this.fds.get(this.directory);
    if (node !== null) {
      if (node.nlookup > 0 && node.open === null) node.pin = openAt(dirfd, entry, O_PATH);
      node.home = null;
      node.group = null;
    }
    group.entry = null;
    if (!statAt(dirfd, entry, scratch)) return;
    const { nlink, devMajor, devMinor, ino } = scratch;
    if (nlink > 1) this.leave(entry);
    else {
      unlinkAt(dirfd, entry);
      this.numbers.release(devMajor, devMinor, ino);
    }
  }

  /** Closes what only this has open. */
  close(): void {}

  protected link(staged: ObjectRef, entry: EntryName): void {
    const dirfd = this.fds.get(this.directory);
    linkObject(staged, dirfd, entry);
  }
}
