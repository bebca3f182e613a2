/**
 * Hard links that survive a copy-up as in aufs (pseudo-links). Entries are in a directory of the upper
 * (`AufsPseudoLinks`) until the mount ends. A file system reuses inode numbers, so a lower file is recognised
 * by its origin too (`pseudo-link-origins.ts`).
 */
import type { EntryName } from '../../core/brand.js';
import { displayName } from '../../core/entry-name.js';
import { isErrno } from '../../core/errno.js';
import { isDirectory, S_IFMT } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { O_PATH } from '../../core/flags.js';
import { unlinkAt } from '../../sys/files/inode-ops.js';
import type { ObjectRef } from '../../sys/files/object-ref.js';
import { close, openAt } from '../../sys/files/open.js';
import { readDirectory } from '../../sys/files/read-directory.js';
import { statAt } from '../../sys/files/stat.js';
import { findXattr, removeXattr, setXattr } from '../../sys/files/xattr.js';
import { withWritePermission } from '../../sys/rights/owner-permission.js';
import type { AufsPseudoLinks } from '../../whiteout/aufs/aufs-pseudo-links.js';
import { formatLinkCount, type LinkCount, parseLinkCount } from '../../whiteout/link-count.js';
import type { DirectoryFds } from '../layers/directory-fds.js';
import { RealDirectory } from '../layers/layer.js';
import type { InodeNumbers } from '../nodes/inode-numbers.js';
import { LinkGroup } from '../nodes/link-group.js';
import { HardLinkTable, type LinkParts } from './hard-link-table.js';
import { PseudoLinkOrigins } from './pseudo-link-origins.js';

const scratch = new FileStat();

export class PseudoLinks extends HardLinkTable {
  readonly flushesAtEnd = true;
  readonly countsNames = false;

  private constructor(
    directory: RealDirectory,
    private readonly entries: AufsPseudoLinks,
    fds: DirectoryFds,
    numbers: InodeNumbers,
    private readonly origins: PseudoLinkOrigins,
  ) {
    super(directory, fds, numbers);
  }

  /**
   * Opens the directory of pseudo-links and reads the entries that a killed server has left.
   * @param entries the format of the entries
   */
  static open(entries: AufsPseudoLinks, { layer, lowers, fds, numbers, log }: LinkParts): PseudoLinks {
    const directory = new RealDirectory(layer, layer.root, entries.directory);
    const links = new PseudoLinks(directory, entries, fds, numbers, new PseudoLinkOrigins(lowers));
    links.readEntries(log);
    return links;
  }

  /**
   * Reads the entries. An entry is valid if it is a link to the inode in its name, and if its xattr names a
   * file of these lower layers. Others (of an upper that was copied, of other layers, or created by aufs) are
   * not removed: an entry can be the only name of a user's data, and the union does not show it.
   */
  private readEntries(log: (line: string) => void): void {
    let ignored = 0;
    const dirfd = this.fds.get(this.directory);
    const found: EntryName[] = [];
    readDirectory(dirfd, (name) => found.push(name));
    for (const name of found) {
      const link = this.entries.parse(name);
      const [origin = '', count = ''] = (
        findXattr(dirfd, name, this.entries.originXattr)?.toString('latin1') ?? ''
      ).split(' ');
      const shown = this.origins.shownNumber(origin, this.numbers);
      const isLink = statAt(dirfd, name, scratch) && scratch.ino === link?.own && !isDirectory(scratch.mode);
      if (link === null || shown === null || !isLink || this.groups.has(shown)) {
        ignored++;
        continue;
      }
      const group = new LinkGroup(shown, scratch.mode & S_IFMT, origin, null);
      group.entry = name;
      group.copyIno = link.own;
      // An estimate, which is used if no count is stored. Most likely each name of the copy hides one lower
      // name of the file.
      group.hiddenLowerNames = scratch.nlink - 1;
      const stored = parseLinkCount(count);
      if (stored !== null) group.applyStoredCount(stored, scratch.nlink);
      group.isHiddenCountExact = false;
      this.groups.set(group.ino, group);
      this.numbers.keep(scratch, group.ino);
    }
    if (ignored > 0) {
      log(
        `${displayName(this.directory.name)} of ${displayName(this.directory.layer.path)}: ${ignored} pseudo-links are not of these layers and are left as they are`,
      );
    }
  }

  protected originOf(stat: FileStat): string {
    return this.origins.of(stat);
  }

  protected makeEntry(group: LinkGroup, staged: ObjectRef, copy: FileStat): EntryName {
    const dirfd = this.fds.get(this.directory);
    const entry = this.entries.entryName({ shown: group.ino, own: copy.ino });
    // The origin is stored before the entry exists. The next mount would ignore an entry without an origin,
    // and with it the only name of the copy.
    this.setOrigin(staged, group, { relativeTo: 'lower', difference: -group.hiddenLowerNames });
    try {
      this.link(staged, entry);
    } catch (error) {
      // The inode in the entry's name is new, so the existing entry is a stale one of another file.
      if (!isErrno(error, 'EEXIST')) throw error;
      unlinkAt(dirfd, entry);
      this.link(staged, entry);
    }
    return entry;
  }

  /**
   * Removes the entry and then the origin of the copy, which is an ordinary upper file from then on. If the
   * server is killed in between, an xattr remains that nothing reads. In the other order an entry would
   * remain that nothing removes, and the file would have one link too many forever.
   */
  protected removeEntry(entry: EntryName): void {
    const dirfd = this.fds.get(this.directory);
    const fd = openAt(dirfd, entry, O_PATH);
    try {
      unlinkAt(dirfd, entry);
      this.removeOrigin({ dirfd: fd, name: '' });
    } finally {
      close(fd);
    }
  }

  protected writeCount(entry: EntryName, group: LinkGroup, count: LinkCount): void {
    this.setOrigin({ dirfd: this.fds.get(this.directory), name: entry }, group, count);
  }

  /**
   * Does nothing. When a lower file gets another name, its ctime changes, and its origin with it. The table
   * then treats it as another file (`pseudo-link-origins.ts`).
   */
  rereadLowerLinks(): void {}

  /** Writes the origin, a space and the count of names. */
  private setOrigin({ dirfd, name }: ObjectRef, { origin }: LinkGroup, count: LinkCount): void {
    try {
      const text = Buffer.from(`${origin} ${formatLinkCount(count)}`, 'latin1');
      withWritePermission(dirfd, name, () => setXattr(dirfd, name, this.entries.originXattr, text));
    } catch (error) {
      // The file system has no such xattrs, or (in a user namespace) the object cannot have any. If the
      // server is killed, the next mount ignores the entry.
      if (!isErrno(error, 'EOPNOTSUPP', 'EPERM')) throw error;
    }
  }

  private removeOrigin({ dirfd, name }: ObjectRef): void {
    try {
      withWritePermission(dirfd, name, () => removeXattr(dirfd, name, this.entries.originXattr));
    } catch (error) {
      // See setOrigin.
      if (!isErrno(error, 'ENODATA', 'EOPNOTSUPP', 'EPERM')) throw error;
    }
  }
}
