/**
 * Hard links that survive a copy-up as in the kernel's overlayfs with `index=on`. Entries remain after the
 * mount ends. Each copy stores how many names it has, including the lower names that are still visible
 * (fs/overlayfs/util.c:ovl_nlink_start). So a name of such a file can be removed only when the copy has a
 * link at that name.
 */

import type { EntryName } from '../../core/brand.js';
import { displayName } from '../../core/entry-name.js';
import { Errno, FsError, fsError, isErrno } from '../../core/errno.js';
import { isDirectory, S_IFMT } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { LayerRefusal } from '../../core/layer-refusal.js';
import { unlinkAt } from '../../sys/files/inode-ops.js';
import type { ObjectRef } from '../../sys/files/object-ref.js';
import { statAt } from '../../sys/files/stat.js';
import type { LinkCount } from '../../whiteout/link-count.js';
import { IndexDirectory } from '../../whiteout/overlay/index-directory.js';
import { isWhiteout, type OverlayDialect } from '../../whiteout/overlay/overlay-dialect.js';
import { type Layer, RealDirectory } from '../layers/layer.js';
import { LinkGroup } from '../nodes/link-group.js';
import { HardLinkTable, type LinkParts } from './hard-link-table.js';
import type { OriginHandles } from './origin-handles.js';

const scratch = new FileStat();

export class LinkIndex extends HardLinkTable {
  readonly flushesAtEnd = false;
  readonly countsNames = true;

  private constructor(
    private readonly index: IndexDirectory,
    private readonly originHandles: OriginHandles,
    { layer, fds, numbers }: LinkParts,
  ) {
    const directory = new RealDirectory(layer, null, '' as EntryName);
    directory.fd = index.fd;
    directory.isPinned = true;
    super(directory, fds, numbers);
  }

  /**
   * Opens or creates the index of the upper. If there can be none, logs the reason and returns null.
   * @param work the work directory's path
   * @throws FsError if the index is of other layers, or has an entry that cannot be read
   */
  static open(work: string, dialect: OverlayDialect, parts: LinkParts): LinkIndex | null {
    const { originHandles, mount, layer, lowers, keep, log } = parts;
    const root = lowers[0] as Layer | undefined;
    if (originHandles === null || root === undefined) return null;
    const upperRoot = originHandles.identify(layer);
    const lowerRoot = originHandles.identify(root);
    const obstacle = upperRoot === null ? "the upper's file system has no file handles" : originHandles.obstacle();
    if (upperRoot === null || lowerRoot === null || obstacle !== null) {
      log(`falling back to index=off: ${obstacle}`);
      return null;
    }
    try {
      const roots = { upperFd: layer.root.fd, upperRoot, lowerRoot };
      const index = keep(
        LayerRefusal.forPath('workdir', work, 'index', () =>
          IndexDirectory.open({ work, upper: layer.path }, () => mount.openWork(), dialect, roots),
        ),
      );
      const links = new LinkIndex(index, originHandles, parts);
      links.readEntries(work);
      return links;
    } catch (error) {
      if (!isErrno(error, 'EOPNOTSUPP')) throw error;
      log("falling back to index=off: the upper's file system has no such extended attributes");
      return null;
    }
  }

  /** Reads the entries and removes stale ones (fs/overlayfs/readdir.c:ovl_indexdir_cleanup). */
  private readEntries(work: string): void {
    const stat = new FileStat();
    for (const name of this.index.list()) {
      try {
        if (statAt(this.index.fd, name, stat) && !this.readEntry(name, stat)) unlinkAt(this.index.fd, name);
      } catch (error) {
        if (!(error instanceof FsError)) throw error;
        const why = `its index has an invalid entry: ${displayName(name)}`;
        throw new LayerRefusal(
          error.errno,
          'workdir',
          work,
          why,
          'remove its directory index, or mount with index=off',
        );
      }
    }
  }

  /** Reads one entry. Returns false if it is stale (ovl_verify_index). @param copy the stat of the entry */
  private readEntry(name: EntryName, copy: FileStat): boolean {
    const origin = this.index.originOf(name);
    // Only the kernel creates such entries, with nfs_export=on.
    if (isWhiteout(copy) || isDirectory(copy.mode)) return true;
    if (!this.index.hasOrigin(name, origin)) return false;
    const lower = new FileStat();
    const found = this.originHandles.find(origin, lower) === 'found';
    // The lower file does not exist any more. A copy that has names is a file of its own now.
    if (!found) return copy.nlink > 1;
    const type = copy.mode & S_IFMT;
    if ((lower.mode & S_IFMT) !== type) throw fsError(Errno.EIO, 'index');
    const visible = this.visibleLowerNames(name, copy, lower);
    // A copy with this one link has lost its last name, or was copied up and has no upper name yet. In the
    // second case it stores that it has lower names.
    if (copy.nlink === 1 && (lower.nlink === 1 || visible === null || visible <= 0)) return false;
    const number = this.numbers.own(lower.devMajor, lower.devMinor, lower.ino);
    const group = new LinkGroup(number, type, '', lower.nlink);
    group.entry = name;
    group.copyIno = copy.ino;
    group.hiddenLowerNames = lower.nlink - (visible ?? 1);
    this.groups.set(number, group);
    this.numbers.keep(copy, number);
    return true;
  }

  /** How many lower names of a copy are visible, by the count stored with it; null: no count is stored. */
  private visibleLowerNames(name: EntryName, copy: FileStat, lower: FileStat): number | null {
    const count = this.index.readLinks(name);
    if (count === null) return null;
    const { relativeTo, difference } = count;
    return relativeTo === 'copy' ? difference + 1 : lower.nlink + difference - copy.nlink + 1;
  }

  /** The handle in an entry's name identifies the lower file, and layers do not change during a mount. */
  protected originOf(): string {
    return '';
  }

  protected makeEntry(group: LinkGroup, staged: ObjectRef, _copy: FileStat, source: Uint8Array | null): EntryName {
    const entry = this.index.entryName(source ?? new Uint8Array(0));
    // The count is relative to the lower file's, because the count of the copy is about to change.
    this.index.writeLinks(staged.dirfd, staged.name, { relativeTo: 'lower', difference: -group.hiddenLowerNames });
    try {
      this.link(staged, entry);
    } catch (error) {
      // The index has an entry for this file that `readEntry` did not accept, such as one of another type
      // (ovl_lookup_index).
      throw isErrno(error, 'EEXIST') ? fsError(Errno.EIO, 'index') : error;
    }
    return entry;
  }

  protected removeEntry(entry: EntryName): void {
    unlinkAt(this.index.fd, entry);
  }

  protected writeCount(entry: EntryName, _group: LinkGroup, count: LinkCount): void {
    this.index.writeLinks(this.index.fd, entry, count);
  }

  rereadLowerLinks(group: LinkGroup): void {
    if (group.entry === null) return;
    const found = this.originHandles.find(this.index.originOf(group.entry), scratch) === 'found';
    if (found) group.raiseLowerLinks(scratch.nlink);
  }

  override close(): void {
    this.index.close();
  }
}
